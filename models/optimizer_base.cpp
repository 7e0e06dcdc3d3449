#include "keel/models/optimizer_base.hpp"

#include <fmt/format.h>

#include "keel/runtime/error.hpp"

namespace keel {

std::vector<ParameterGroups::Part> OptimizerBase::parts(std::span<const Var> parameters,
                                                        std::span<const Var> grads,
                                                        const SourceLocation& where) const {
  require_parameters(name_, parameters, where);
  const Var learning_rate = learning_rate_.record(parameters[0].tape());
  return groups_.divide(parameters, clipped(grads, clip_norm_, where), learning_rate, weight_decay_, where);
}

void OptimizerBase::require_arrays() const {
  if (arrays_.empty())
    throw Error{fmt::format("{} was used that was moved from: use the one that it was moved into", name_)};
}

void OptimizerBase::reset() {
  for (auto& array : arrays_) array.reset();
}

std::vector<OptimizerState> OptimizerBase::state(std::span<const NamedParameter> parameters) {
  require_arrays();
  return optimizer_state(learning_rate_, arrays_, parameters);
}

}  // namespace keel
