#pragma once

#include <span>

#include "keel/models/parameter.hpp"
#include "keel/runtime/communicator.hpp"

namespace keel {

/// Gives every parameter, statistic and stream of a model the values that it has on rank 0, as ranks that train it
/// together need it (`TrainingStepOptions::ranks`) unless all are initialized alike. All ranks call it. Throws RankError where the ranks'
/// models differ in paths or shapes.
void copy_from_first(std::span<const NamedParameter> parameters, const Communicator& ranks);
template <class Model>
void copy_from_first(Model& model, const Communicator& ranks) {
  copy_from_first(parameters(model), ranks);
}

}  // namespace keel
