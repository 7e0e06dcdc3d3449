#include "keel/models/group_norm.hpp"

#include <fmt/format.h>

#include "keel/ops/group_norm.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, GroupNormOptions options)
    : groups_(groups), options_(options) {
  require_epsilon(options.epsilon);
  if (groups < 1 || channels % groups != 0) {
    throw Error{fmt::format("the channels of a GroupNorm, {}, can't be divided into {} equal groups",
                            channels, groups)};
  }
  if (!options.affine) return;
  gamma_.emplace(Shape{channels}, Initializer::constant(1.0));
  beta_.emplace(Shape{channels}, Initializer::constant(0.0));
}

Var GroupNorm::operator()(const Var& src, const SourceLocation& where) const {
  const Var gamma = gamma_ ? gamma_->on(src.tape(), "gamma", where) : Var{};
  const Var beta = beta_ ? beta_->on(src.tape(), "beta", where) : Var{};
  return group_norm(src, groups_, gamma, beta, options_.epsilon, where);
}

}  // namespace keel
