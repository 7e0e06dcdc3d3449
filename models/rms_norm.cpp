#include "keel/models/rms_norm.hpp"

#include "keel/ops/rms_norm.hpp"
#include "keel/ops/types.hpp"

namespace keel {

RmsNorm::RmsNorm(std::int64_t features, RmsNormOptions options) : options_(options) {
  if (options.epsilon) require_epsilon(*options.epsilon);
  if (!options.affine) return;
  gamma_.emplace(Shape{features}, Initializer::constant(1.0));
}

Var RmsNorm::operator()(const Var& src, const SourceLocation& where) const {
  const Var gamma = gamma_ ? gamma_->on(src.tape(), "gamma", where) : Var{};
  return rms_norm(src, gamma, options_.epsilon, where);
}

}  // namespace keel
