#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "keel/tools/training/epoch_pass.hpp"
#include "keel/tools/training/evaluator.hpp"
#include "keel/tools/training/health.hpp"
#include "keel/tools/training/run.hpp"

namespace keel {
struct NamedParameter;
}

namespace keel::tools {

/// Trains a classifier of images by SGD with momentum, as its settings say, on the calling thread under its
/// thread limit, and makes a result of it. A run that diverges is a result, not an error. A study's run has
/// the measures of training/health.hpp.
class TrainingLoop {
 public:
  /// Hears of every step, counted from 1 over the whole run, with its batch's loss; returns whether to go on.
  using AfterStep = std::function<bool(std::int64_t step, double loss)>;

  /// Initializes `model` from the settings' seed. Any model of images (N, pixels) that gives logits will do;
  /// it must outlive the loop and stay where it is. Compiled once for the program's own, in networks.cpp; for
  /// another, include training/model_training.hpp.
  template <class Model>
  TrainingLoop(Model& model, const RunSettings& settings, const RunContext& context);

  /// Has each batch put into another order before it is trained on, where that matters: for ghost batches.
  void arrange_batches(EpochPass::Arrangement arrangement) { pass_.set_arrangement(std::move(arrangement)); }
  /// Trains for as many epochs as the settings say, validating after each, until `after_step` has enough,
  /// the loss is not finite or a stop is requested.
  void train(const AfterStep& after_step = {});

  /// Tests the model and gives the result; nothing if a stop was requested. To be called once.
  std::optional<RunResult> finish();
  /// What the result would be if the run had ended with the last step: an epoch that is under way counts.
  RunResult result_so_far();

  /// Loss and accuracy in inference mode on the validation images.
  Evaluation validate() { return evaluate_(data_.train, split_.validation); }
  /// The same as of the last step, for a model that nothing but its training changes: asked for again, it
  /// costs nothing.
  Evaluation look();
  /// The same on the training images of this run.
  Evaluation evaluate_training() { return evaluate_(data_.train, split_.training); }
  /// The same on the test images.
  Evaluation test() { return evaluate_(data_.test); }

  /// What the run measures besides.
  Measures& measures() { return result_.measures; }
  [[nodiscard]] const Split& split() const { return split_; }
  [[nodiscard]] const Rng& rng() const { return rng_; }
  [[nodiscard]] const DataSet& data() const { return data_; }
  /// The batch of the last step.
  [[nodiscard]] const BatchGatherer& batch() const { return pass_.batch(); }
  [[nodiscard]] std::int64_t steps_per_epoch() const { return pass_.steps_per_epoch(); }
  /// Done so far.
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  /// Spent so far in training steps, `after_step` and evaluation left out.
  [[nodiscard]] double training_seconds() const { return training_seconds_; }
  [[nodiscard]] bool diverged() const { return result_.diverged; }

 private:
  using Step = EpochPass::Step;

  TrainingLoop(const RunSettings& settings, const RunContext& context,
               const std::vector<NamedParameter>& parameters, Step step, const Evaluator::Model& model);

  void train_epoch(const AfterStep& after_step);
  double try_step(const Tensor& images, const Tensor& labels);
  void look_at_health(const Tensor& images, const Tensor& labels);
  void conclude(RunResult& result);
  [[nodiscard]] bool ended() const { return result_.diverged || enough_ || stop_.stop_requested(); }

  const DataSet& data_;
  std::stop_token stop_;
  std::function<void(const EpochResult&)> after_epoch_;
  Rng rng_;
  Split split_;
  Step step_;
  Evaluator evaluate_;
  std::optional<HealthProbe> health_;  // of a study's run
  EpochPass pass_;
  RunResult result_;
  std::optional<EpochResult> epoch_;  // under way
  std::int64_t steps_ = 0;
  std::optional<std::pair<std::int64_t, Evaluation>> looked_;  // after which step
  double training_seconds_ = 0.0;
  bool enough_ = false;
};

}  // namespace keel::tools
