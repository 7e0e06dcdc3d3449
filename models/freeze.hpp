#pragma once

#include "keel/models/parameter.hpp"

namespace keel {

// Two switches, each alone: the weights of a model, or of any part of it, and the statistics of its batch
// norms. Training steps, and whatever else was compiled with these parameters, follow from their next call on.

namespace detail {

template <class Module>
void set_frozen(Module& module, Parameter::Kind kind, bool frozen) {
  for (const auto& [path, parameter] : parameters(module))
    if (parameter->kind() == kind) parameter->set_frozen(frozen);
}

}  // namespace detail

/// From now on training steps compute no gradients of `module`'s trained parameters and leave them alone.
/// Batch norm goes on to gather statistics.
template <class Module>
void freeze(Module& module) {
  detail::set_frozen(module, Parameter::Kind::trained, true);
}
template <class Module>
void unfreeze(Module& module) {
  detail::set_frozen(module, Parameter::Kind::trained, false);
}

/// From now on the batch norms in `module` normalize by their running statistics in training too, and leave
/// them alone; gamma and beta go on to be trained. Other state, such as a dropout's stream, moves on.
template <class Module>
void freeze_statistics(Module& module) {
  detail::set_frozen(module, Parameter::Kind::statistic, true);
}
template <class Module>
void unfreeze_statistics(Module& module) {
  detail::set_frozen(module, Parameter::Kind::statistic, false);
}

}  // namespace keel
