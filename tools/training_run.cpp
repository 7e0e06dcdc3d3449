#include "keel/tools/training_run.hpp"

#include "keel/models/mlp.hpp"
#include "keel/tools/training_loop.hpp"

namespace keel::tools {

std::optional<RunResult> train(const RunSettings& settings, const RunContext& context) {
  const auto& data = context.data;
  Mlp model{{.inputs = data.train.height * data.train.width,
             .hidden = settings.hidden,
             .classes = data.classes,
             .batch_norm = settings.model == "bn"}};
  TrainingLoop loop{model, settings, context};
  loop.train();
  return loop.finish();
}

}  // namespace keel::tools
