#include "keel/models/instance_norm.hpp"

#include "keel/ops/group_norm.hpp"
#include "keel/ops/types.hpp"

namespace keel {

InstanceNorm::InstanceNorm(std::int64_t channels, InstanceNormOptions options) : options_(options) {
  require_epsilon(options.epsilon);
  if (!options.affine) return;
  gamma_.emplace(Shape{channels}, Initializer::constant(1.0));
  beta_.emplace(Shape{channels}, Initializer::constant(0.0));
}

Var InstanceNorm::operator()(const Var& src, const SourceLocation& where) const {
  const Var gamma = gamma_ ? gamma_->on(src.tape(), "gamma", where) : Var{};
  const Var beta = beta_ ? beta_->on(src.tape(), "beta", where) : Var{};
  return instance_norm(src, gamma, beta, options_.epsilon, where);
}

}  // namespace keel
