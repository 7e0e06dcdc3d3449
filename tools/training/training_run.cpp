#include "keel/tools/training/training_run.hpp"

#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {

MlpOptions mlp_for(const DataSet& data, const RunSettings& settings) {
  return {.inputs = data.train.height * data.train.width,
          .hidden = settings.hidden,
          .classes = data.classes,
          .batch_norm = settings.model == "bn"};
}

std::optional<RunResult> train(const RunSettings& settings, const RunContext& context) {
  Mlp model{mlp_for(context.data, settings)};
  TrainingLoop loop{model, settings, context};
  loop.train();
  return loop.finish();
}

}  // namespace keel::tools
