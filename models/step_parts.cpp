#include "keel/models/step_parts.hpp"

#include <limits>

#include "keel/models/report.hpp"
#include "keel/ops/all_reduce.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/clip.hpp"

namespace keel::detail {

RankLoss loss_over_ranks(const Var& loss, const Var& first_input, const SourceLocation& where) {
  Tape& tape = loss.tape();
  const auto& shape = first_input.shape();
  const Var rows = tape.constant(shape.rank() == 0 ? 1.0 : static_cast<double>(shape[0]), loss.dtype());
  const Var share = divide(rows, all_reduce(rows, where), where);
  const Var own = multiply(loss, share, where);
  return {own, shape.elements() == 0 ? tape.constant(0.0, loss.dtype()) : own};
}

// An infinite bound clips nothing.
void report_norm(std::span<const Var> grads, const SourceLocation& where) {
  if (grads.empty()) return;
  report("gradient_norm", clip_by_norm(grads, std::numeric_limits<double>::infinity(), where).norm, where);
}

double number_of(const Tensor& scalar) {
  return scalar.dtype() == DType::f64 ? scalar.data<double>()[0] : scalar.data<float>()[0];
}

}  // namespace keel::detail
