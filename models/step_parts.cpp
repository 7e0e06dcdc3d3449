#include "keel/models/step_parts.hpp"

#include <limits>

#include "keel/models/report.hpp"
#include "keel/ops/clip.hpp"

namespace keel::detail {

// An infinite bound clips nothing.
void report_norm(std::span<const Var> grads, const SourceLocation& where) {
  if (grads.empty()) return;
  report("gradient_norm", clip_by_norm(grads, std::numeric_limits<double>::infinity(), where).norm, where);
}

double number_of(const Tensor& scalar) {
  return scalar.dtype() == DType::f64 ? scalar.data<double>()[0] : scalar.data<float>()[0];
}

}  // namespace keel::detail
