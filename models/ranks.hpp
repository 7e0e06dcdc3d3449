#pragma once

#include <span>

#include "keel/models/parameter.hpp"
#include "keel/runtime/communicator.hpp"

namespace keel {

/// What ranks that train one model do with it between steps: see `TrainingStepOptions::ranks`. All ranks call each
/// at the same place.

/// Gives every parameter, statistic and stream the values that it has on rank 0. Throws RankError where the ranks'
/// models differ in paths or shapes.
void copy_from_first(std::span<const NamedParameter> parameters, const Communicator& ranks);
template <class Model>
void copy_from_first(Model& model, const Communicator& ranks) {
  copy_from_first(parameters(model), ranks);
}

/// Gives the running statistics of layers that see their own rank's batches alone, such as a batch norm that is not
/// synchronized, the mean over all ranks. Where all have had the same number of batches, that is what the statistics
/// are that had followed the mean of the ranks' batch statistics all along. Frozen ones stay.
void average_statistics(std::span<const NamedParameter> parameters, const Communicator& ranks);
template <class Model>
void average_statistics(Model& model, const Communicator& ranks) {
  average_statistics(parameters(model), ranks);
}

}  // namespace keel
