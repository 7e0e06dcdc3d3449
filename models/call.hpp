#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel::detail {

/// The most Vars that a model or a loss may take.
inline constexpr std::size_t most_vars = 8;

[[noreturn]] void refuse_inputs(std::size_t given, std::size_t taken);
[[noreturn]] void refuse_targets(std::size_t given);

template <std::size_t>
using VarAt = Var;

// Whether Function can be called with First... and then as many Vars, the caller's line included or not.
template <class Function, class... First, std::size_t... Index>
consteval bool takes(std::index_sequence<Index...>) {
  return std::is_invocable_v<Function, First..., VarAt<Index>...> ||
         std::is_invocable_v<Function, First..., VarAt<Index>..., SourceLocation>;
}

/// How many Vars a model is called with: the least number that it can be.
template <class Model, std::size_t Count = 1>
consteval std::size_t inputs_of() {
  static_assert(Count <= most_vars, "a model is called with one to eight Vars: operator()(keel::Var, ...)");
  if constexpr (takes<Model&>(std::make_index_sequence<Count>{}))
    return Count;
  else
    return inputs_of<Model, Count + 1>();
}

template <class Function, class... First, std::size_t... Index>
auto call(Function& function, std::span<const Var> vars, std::index_sequence<Index...>,
          const First&... first) {
  // A pointer to a function that takes the caller's line has lost its default argument.
  if constexpr (std::is_invocable_v<Function&, First..., VarAt<Index>...>)
    return function(first..., vars[Index]...);
  else
    return function(first..., vars[Index]..., SourceLocation::current());
}

/// The predictions of a model, of whatever type. Throws Error where there are too few inputs.
template <class Model>
auto call_model(Model& model, std::span<const Var> inputs) {
  if (inputs.size() < inputs_of<Model>()) refuse_inputs(inputs.size(), inputs_of<Model>());
  return call(model, inputs, std::make_index_sequence<inputs_of<Model>()>{});
}

/// The loss of predictions, given targets as many as there are. Throws Error where it can't take that many.
template <class Loss, class Predictions, std::size_t Count = 0>
Var call_loss(const Loss& loss, const Predictions& predictions, std::span<const Var> targets) {
  if constexpr (takes<const Loss&, Predictions>(std::make_index_sequence<Count>{})) {
    if (targets.size() == Count) return call(loss, targets, std::make_index_sequence<Count>{}, predictions);
  }
  if constexpr (Count < most_vars) {
    return call_loss<Loss, Predictions, Count + 1>(loss, predictions, targets);
  } else {
    refuse_targets(targets.size());
  }
}

}  // namespace keel::detail
