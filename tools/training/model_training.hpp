#pragma once

#include <memory>

#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/tools/training/train_settings.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {

/// What a training loop needs to be compiled for a model: its training step.
template <class Model>
struct ModelTraining {
  ModelTraining(Model& model, const RunSettings& settings)
      : optimizer(optimizer_of(settings)), step(model, optimizer, cross_entropy) {}

  ChosenOptimizer optimizer;
  TrainingStep<Model, ChosenOptimizer, decltype(&cross_entropy)> step;
};

template <class Model>
TrainingLoop::TrainingLoop(Model& model, const RunSettings& settings, const RunContext& context)
    : TrainingLoop(
          settings, context, parameters(model),
          [compiled = std::make_shared<ModelTraining<Model>>(model, settings)](
              const Tensor& images, const Tensor& labels) { return compiled->step(images, labels); },
          [&model](const Var& images) { return model(images); }) {}

/// Trains a model of images as its settings say, validates it after every epoch and tests it at the end: a run of a
/// study. Returns nothing when a stop was requested before the end.
template <class Model>
std::optional<RunResult> train_model(Model& model, const RunSettings& settings, const RunContext& context) {
  TrainingLoop loop{model, settings, context};
  loop.train();
  return loop.finish();
}

}  // namespace keel::tools
