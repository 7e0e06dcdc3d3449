#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/gradients.hpp"
#include "keel/models/call.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/model_watch.hpp"
#include "keel/models/report.hpp"
#include "keel/models/step_parts.hpp"
#include "keel/ops/all_reduce.hpp"

namespace keel {

/// What a training step does beside training.
struct TrainingStepOptions {
  bool gradient_norm =
      false;  ///< reports "gradient_norm", that of all gradients, before any clipping; 0 where all is frozen
  /// Those that train the same model, each on its part of the batch: see `TrainingStep`.
  Communicator ranks = {};
};

/// One step of training as a call: forward, backward and update, compiled once for each shape of batch and
/// replayed.
///
/// `model` maps one or more inputs to predictions, of whatever type, `loss` maps these and any number of
/// targets to a scalar, `optimizer` records the update of all trained parameters that are not frozen and that
/// the loss depends on; the others have no part in the step, neither by momentum or decay nor in counts. Other
/// models that the loss applies stay as they are, but that dropouts in them draw: neither parameters nor running
/// statistics of theirs change, although they are in training mode (see models/mode.hpp for others). Model
/// and optimizer are used by reference: they must outlive the step and stay where they are. What is done to
/// them there the step follows from its next call on: new values, freezing, `initialize`, another model or
/// optimizer assigned to the same variable. A call after one of them, or a part of the model, was moved away
/// or destroyed throws Error (for models in containers, see ModelWatch; of optimizers, for those that have a
/// `watch`, as Sgd and Adam do). Errors in recording name the line of the model or loss at fault; for a bare
/// layer or function of keel's, such as `keel::cross_entropy`, that is the line where the step was made.
///
/// Over several ranks each gives its part of the batch, and the step is that of the whole batch, for a loss that is a
/// mean over rows: gradients and loss are weighted by rows, the first extent of the model's first input, so that parts
/// may differ in size, down to none, and clipping sees the gradient of all. Models must be equal on all ranks, as by
/// the same seed or by `copy_from_first`, and stay so, running statistics and random streams included. What one rank
/// throws on its own ends all by RankError.
template <class Model, class Optimizer, class Loss>
class TrainingStep {
 public:
  TrainingStep(Model& model, Optimizer& optimizer, Loss loss,
               const SourceLocation& where = SourceLocation::current())
      : TrainingStep(model, optimizer, std::move(loss), TrainingStepOptions{}, where) {}
  TrainingStep(Model& model, Optimizer& optimizer, Loss loss, const TrainingStepOptions& options,
               const SourceLocation& where = SourceLocation::current())
      : function_(
            Mode::training,
            [&model, &optimizer, loss, options, where](Tape& tape, std::span<const Var> inputs) {
              return record_step(model, optimizer, loss, options, tape, inputs, where);
            },
            PlanBound{}, options.ranks),
        watch_(model, optimizer) {}

  /// Trains on one batch, the model's inputs and then the loss's targets, and returns its loss, before the
  /// update. A loss that is not finite means that the run has diverged and the parameters are lost. Throws
  /// NonFiniteError where a batch's statistics are not finite. After an Error in the batch, such as a label out
  /// of range, the model is as it was, with its statistics and random streams.
  template <std::same_as<Tensor>... Tensors>
  double operator()(const Tensors&... batch) {
    const std::array inputs{batch...};
    follow_changes();
    return detail::number_of(function_(inputs).output(0));
  }

  /// What was `report`ed by that name in the last call, before the update, until the next call. Throws Error,
  /// with the names that there are, for another.
  [[nodiscard]] Tensor reported(std::string_view name) const { return function_.reported(name); }

  /// The plan that such a batch is trained with, bound to it: to look at, or to profile, until the next call.
  template <std::same_as<Tensor>... Tensors>
  Plan& plan(const Tensors&... batch) {
    follow_changes();
    return function_.plan(std::array{batch...});
  }

  /// Drops all that was compiled: the model or the loss would not record the same any more.
  void forget() { function_.forget(); }
  /// How many shapes of batch stay compiled.
  void set_plan_bound(PlanBound bound) { function_.set_plan_bound(bound); }

 private:
  // What was compiled before the model or the optimizer changed does the wrong work.
  void follow_changes() {
    if (watch_.changed()) function_.forget();
  }

  static std::vector<Var> record_step(Model& model, Optimizer& optimizer, const Loss& loss,
                                      const TrainingStepOptions& options, Tape& tape,
                                      std::span<const Var> inputs, const SourceLocation& where) {
    auto [value, trained, any_frozen] = detail::record_loss(model, loss, tape, inputs, where);
    const bool over_ranks = tape.ranks().size() > 1;
    Var result = detail::computed(value, where);  // what the update will not change
    if (over_ranks) {
      const auto loss_parts = detail::loss_over_ranks(value, inputs[0], where);
      value = loss_parts.own;
      result = loss_parts.shown;
    }
    const bool has_parameters = any_frozen || !trained.empty();
    detail::keep_what_matters(value, trained);
    if (trained.empty() && has_parameters) {
      if (options.gradient_norm) report("gradient_norm", tape.constant(0.0, DType::f64), where);
      return {all_reduce(result, where)};
    }
    auto grads = gradients(value, trained, where);
    if (over_ranks) {
      grads.push_back(result);
      grads = all_reduce(grads, where);
      result = grads.back();
      grads.pop_back();
    }
    if (options.gradient_norm) detail::report_norm(grads, where);
    detail::record_update(optimizer, trained, grads, where);
    return {result};
  }

  CompiledFunction function_;
  detail::StepWatch watch_;
};

/// A model's predictions as a call, in inference mode, compiled once for each shape of batch and replayed.
/// The model, which may also be a function that applies one, is used by reference and never changed; what is
/// done to it is followed as by a TrainingStep.
template <class Model>
class Inference {
 public:
  explicit Inference(Model& model, const SourceLocation& where = SourceLocation::current())
      : function_(Mode::inference,
                  [&model, where](Tape&, std::span<const Var> inputs) -> std::vector<Var> {
                    const Var predictions =
                        detail::recorded(model, [&] { return detail::call_model(model, inputs, where); });
                    return {detail::computed(predictions, where)};
                  }),
        model_watch_(watch_of(model)) {}

  /// The predictions, in memory of their own that the next call overwrites. Throws Error when the model, or a part of it,
  /// was moved away or destroyed.
  template <std::same_as<Tensor>... Tensors>
  requires(sizeof...(Tensors) == detail::inputs_of<Model>()) Tensor operator()(const Tensors&... inputs) {
    if (model_watch_ && model_watch_->changed()) function_.forget();
    return function_(std::array{inputs...}).output(0);
  }

  /// What was `report`ed by that name in the last call, until the next. Throws Error for another name.
  [[nodiscard]] Tensor reported(std::string_view name) const { return function_.reported(name); }
  /// Drops all that was compiled, and with it the predictions.
  void forget() { function_.forget(); }
  /// How many shapes of input stay compiled.
  void set_plan_bound(PlanBound bound) { function_.set_plan_bound(bound); }

 private:
  static std::optional<ModelWatch> watch_of(Model& model) {
    if constexpr (detail::has_parts<Model>)
      return std::optional<ModelWatch>{model};
    else
      return std::nullopt;
  }

  CompiledFunction function_;
  std::optional<ModelWatch> model_watch_;  // none of a function
};

}  // namespace keel
