#pragma once

#include <array>
#include <concepts>

#include "keel/graph/gradients.hpp"
#include "keel/models/call.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/freeze.hpp"
#include "keel/models/parameter.hpp"

namespace keel {

/// One step of training as a call: forward, backward and update, compiled once for each shape of batch and
/// replayed.
///
/// `model` maps one or more inputs to predictions, of whatever type, `loss` maps these and any number of
/// targets to a scalar, `optimizer` records the update of all trained parameters that are not frozen. Model
/// and optimizer are used by reference: they must outlive the step and stay where they are, as must the
/// model's layers. Errors in recording name the line of the model or loss at fault; for a bare layer or
/// function of keel's, such as `keel::cross_entropy`, that is the line where the step was made.
template <class Model, class Optimizer, class Loss>
class TrainingStep {
 public:
  TrainingStep(Model& model, Optimizer& optimizer, Loss loss,
               const SourceLocation& where = SourceLocation::current())
      : function_(Mode::training,
                  [&model, &optimizer, loss, where](Tape& tape, std::span<const Var> inputs) {
                    return record_step(model, optimizer, loss, tape, inputs, where);
                  }),
        freeze_watch_(model) {}

  /// Trains on one batch, the model's inputs and then the loss's targets, and returns its loss, before the
  /// update. A loss that is not finite means that the run has diverged and the parameters are lost. Throws
  /// NonFiniteError where a batch's statistics are not finite.
  template <std::same_as<Tensor>... Tensors>
  double operator()(const Tensors&... batch) {
    const std::array inputs{batch...};
    follow_freezing();
    const Tensor loss = function_(inputs).output(0);
    return loss.dtype() == DType::f64 ? loss.data<double>()[0] : loss.data<float>()[0];
  }

  /// The plan that such a batch is trained with, bound to it: to look at, or to profile.
  template <std::same_as<Tensor>... Tensors>
  Plan& plan(const Tensors&... batch) {
    follow_freezing();
    return function_.plan(std::array{batch...});
  }

 private:
  // What was compiled before the model was frozen or unfrozen does the wrong work.
  void follow_freezing() {
    if (freeze_watch_.changed()) function_.forget();
  }

  static std::vector<Var> record_step(Model& model, Optimizer& optimizer, const Loss& loss, Tape& tape,
                                      std::span<const Var> inputs, const SourceLocation& where) {
    std::vector<Var> trained;
    bool any_frozen = false;
    for (const auto& [path, parameter] : parameters(model)) {
      if (parameter->kind() != Parameter::Kind::trained) continue;
      any_frozen = any_frozen || parameter->frozen();
      if (!parameter->frozen()) trained.push_back(tape.stored(parameter->value(), path));
    }
    constexpr auto taken = detail::inputs_of<Model>();
    const Var value =
        detail::call_loss(loss, detail::call_model(model, inputs, where), inputs.subspan(taken), where);
    const bool all_frozen = any_frozen && trained.empty();
    if (!all_frozen) update(optimizer, trained, gradients(value, trained, where), where);
    return {value};
  }

  static void update(Optimizer& optimizer, std::span<const Var> trained, std::span<const Var> grads,
                     const SourceLocation& where) {
    if constexpr (requires { optimizer.update(trained, grads, where); })
      optimizer.update(trained, grads, where);
    else
      optimizer.update(trained, grads);
  }

  CompiledFunction function_;
  FreezeWatch freeze_watch_;
};

/// A model's predictions as a call, in inference mode, compiled once for each shape of batch and replayed.
/// The model is used by reference and never changed.
template <class Model>
class Inference {
 public:
  explicit Inference(Model& model, const SourceLocation& where = SourceLocation::current())
      : function_(Mode::inference, [&model, where](Tape&, std::span<const Var> inputs) -> std::vector<Var> {
          return {detail::call_model(model, inputs, where)};
        }) {}

  /// The predictions, in memory that the next call overwrites.
  template <std::same_as<Tensor>... Tensors>
  requires(sizeof...(Tensors) == detail::inputs_of<Model>()) Tensor operator()(const Tensors&... inputs) {
    return function_(std::array{inputs...}).output(0);
  }

 private:
  CompiledFunction function_;
};

}  // namespace keel
