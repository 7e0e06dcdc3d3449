#pragma once

#include <array>
#include <concepts>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/gradients.hpp"
#include "keel/graph/tape.hpp"
#include "keel/models/call.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/step_parts.hpp"

namespace keel {

/// What a function comes to, and its gradient by each of its inputs. The tensors' memory is overwritten by the
/// next call.
struct ValueAndGrads {
  double value;
  std::vector<Tensor> grads;  ///< one for each input; undefined for integers
};

/// A model's loss, and its gradients by path, such as "fc1.weights", of the parameters that are not frozen and
/// that it depends on. The tensors' memory is overwritten by the next call.
struct LossAndGrads {
  double loss;
  std::map<std::string, Tensor> grads;
};

namespace detail {

/// The value, and then its gradient by each input that is a float.
std::vector<Var> record_grads(const Var& value, std::span<const Var> inputs, const SourceLocation& where);
/// The loss, its gradients, and the parameters that they are of.
std::vector<Var> record_grads(RecordedLoss loss, const SourceLocation& where);
ValueAndGrads value_and_grads(const Plan& plan, std::span<const Tensor> inputs);
LossAndGrads loss_and_grads(const Plan& plan, std::size_t results);

}  // namespace detail

/// A function of Vars with a scalar for its result, and the gradient of that by the inputs: see
/// `value_and_grad`.
template <class Function>
class InputGradients {
 public:
  InputGradients(Function function, Mode mode, const SourceLocation& where)
      : function_(mode, [function = std::move(function), where](Tape&, std::span<const Var> inputs) mutable {
          return detail::record_grads(detail::call_model(function, inputs, where), inputs, where);
        }) {}

  template <std::same_as<Tensor>... Tensors>
  requires(sizeof...(Tensors) == detail::inputs_of<Function>()) ValueAndGrads operator()(
      const Tensors&... given) {
    const std::array inputs{given...};
    return detail::value_and_grads(function_(inputs), inputs);
  }

  /// What was `report`ed by that name in the last call.
  [[nodiscard]] Tensor reported(std::string_view name) const { return function_.reported(name); }
  /// Drops all that was compiled, and with it what was returned.
  void forget() { function_.forget(); }

 private:
  CompiledFunction function_;
};

/// A model's loss and the gradient of that by its parameters: see `value_and_grad`.
template <class Model, class Loss>
class ParameterGradients {
 public:
  ParameterGradients(Model& model, Loss loss, Mode mode, const SourceLocation& where)
      : function_(mode,
                  [&model, loss, where](Tape& tape, std::span<const Var> inputs) {
                    return detail::record_grads(detail::record_loss(model, loss, tape, inputs, where), where);
                  }),
        watch_(model) {}

  /// On one batch, the model's inputs and then the loss's targets.
  template <std::same_as<Tensor>... Tensors>
  LossAndGrads operator()(const Tensors&... batch) {
    if (watch_.changed()) function_.forget();
    const Plan& plan = function_(std::array{batch...});
    return detail::loss_and_grads(plan, function_.results());
  }

  /// What was `report`ed by that name in the last call.
  [[nodiscard]] Tensor reported(std::string_view name) const { return function_.reported(name); }
  /// Drops all that was compiled, and with it what was returned.
  void forget() { function_.forget(); }

 private:
  CompiledFunction function_;
  ModelWatch watch_;
};

/// The gradient of any function of one to eight Vars by these, compiled once for each shape and replayed:
///
///   auto attack = value_and_grad([&](Var images, Var labels) { return cross_entropy(model(images), labels); });
///   const auto [loss, grads] = attack(images, labels);
///
/// The function, which returns a scalar, is copied; models that it applies are used by reference, and are in
/// inference mode unless told otherwise. Nothing is changed by it then. `where` stands in errors for functions
/// of keel's.
template <class Function>
InputGradients<Function> value_and_grad(Function function, Mode mode = Mode::inference,
                                        const SourceLocation& where = SourceLocation::current()) {
  return {std::move(function), mode, where};
}

/// The gradient of a model's loss by its parameters: a TrainingStep that leaves them as they are. Model and loss
/// are as there, and so is the mode, unless told otherwise: batch norms' running statistics move, dropouts draw.
/// A StatisticsGuard puts them back.
template <class Model, class Loss>
requires(detail::has_parts<Model> && !std::same_as<Loss, Mode>)
    ParameterGradients<Model, Loss> value_and_grad(Model& model, Loss loss, Mode mode = Mode::training,
                                                   const SourceLocation& where = SourceLocation::current()) {
  return {model, std::move(loss), mode, where};
}

}  // namespace keel
