#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <span>
#include <vector>

#include "keel/graph/gradients.hpp"
#include "keel/models/call.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/model_watch.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/presence.hpp"
#include "keel/models/visit_check.hpp"

namespace keel {

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
template <class Model, class Optimizer, class Loss>
class TrainingStep {
 public:
  TrainingStep(Model& model, Optimizer& optimizer, Loss loss,
               const SourceLocation& where = SourceLocation::current())
      : function_(Mode::training,
                  [&model, &optimizer, loss, where](Tape& tape, std::span<const Var> inputs) {
                    return record_step(model, optimizer, loss, tape, inputs, where);
                  }),
        model_watch_(model),
        optimizer_watch_(watch_of(optimizer)) {}

  /// Trains on one batch, the model's inputs and then the loss's targets, and returns its loss, before the
  /// update. A loss that is not finite means that the run has diverged and the parameters are lost. Throws
  /// NonFiniteError where a batch's statistics are not finite.
  template <std::same_as<Tensor>... Tensors>
  double operator()(const Tensors&... batch) {
    const std::array inputs{batch...};
    follow_changes();
    const Tensor loss = function_(inputs).output(0);
    return loss.dtype() == DType::f64 ? loss.data<double>()[0] : loss.data<float>()[0];
  }

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
  static std::optional<Presence::Watch> watch_of(const Optimizer& optimizer) {
    if constexpr (requires { optimizer.watch(); })
      return optimizer.watch();
    else
      return std::nullopt;
  }

  // What was compiled before the model or the optimizer changed does the wrong work.
  void follow_changes() {
    bool changed = model_watch_.changed();
    if (optimizer_watch_) changed = detail::optimizer_changed(*optimizer_watch_) || changed;
    if (changed) function_.forget();
  }

  static std::vector<Var> record_step(Model& model, Optimizer& optimizer, const Loss& loss, Tape& tape,
                                      std::span<const Var> inputs, const SourceLocation& where) {
    std::vector<Var> trained;
    bool any_frozen = false;
    const auto parts = detail::parts_of(model);
    for (const auto& named : detail::parameters_of(parts)) {
      if (named.parameter->kind() != Parameter::Kind::trained) continue;
      any_frozen = any_frozen || named.parameter->frozen();
      if (!named.parameter->frozen()) trained.push_back(tape.stored(detail::values_of(named), named.path));
    }
    detail::leave_others_alone(tape, parts);
    constexpr auto taken = detail::inputs_of<Model>();
    const auto predictions =
        detail::recorded(model, [&] { return detail::call_model(model, inputs, where); });
    detail::require_visited(tape, parts);
    const Var value = detail::call_loss(loss, predictions, inputs.subspan(taken), where);
    const Var result = detail::computed(value, where);  // what the update will not change
    const bool has_parameters = any_frozen || !trained.empty();
    detail::keep_what_matters(value, trained);
    if (!trained.empty() || !has_parameters)
      update(optimizer, trained, gradients(value, trained, where), where);
    return {result};
  }

  static void update(Optimizer& optimizer, std::span<const Var> trained, std::span<const Var> grads,
                     const SourceLocation& where) {
    if constexpr (requires { optimizer.update(trained, grads, where); })
      optimizer.update(trained, grads, where);
    else
      optimizer.update(trained, grads);
  }

  CompiledFunction function_;
  ModelWatch model_watch_;
  std::optional<Presence::Watch> optimizer_watch_;
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
