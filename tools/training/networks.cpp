// Training, compiled once for each network of the program.

#include "keel/models/mlp.hpp"
#include "keel/tools/training/model_training.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/recurrent_network.hpp"

namespace keel::tools {

template TrainingLoop::TrainingLoop(Mlp& model, const RunSettings& settings, const RunContext& context);
template TrainingLoop::TrainingLoop(Network& model, const RunSettings& settings, const RunContext& context);
template TrainingLoop::TrainingLoop(RecurrentNetwork& model, const RunSettings& settings,
                                    const RunContext& context);

}  // namespace keel::tools
