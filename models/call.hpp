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

[[noreturn]] void refuse_inputs(std::size_t given, std::size_t taken, const SourceLocation& where);
/// A step, an inference or a compiled function that was moved away.
[[noreturn]] void refuse_moved();
[[noreturn]] void refuse_targets(std::size_t given, const SourceLocation& where);

template <std::size_t>
using VarAt = Var;

// Whether Function can be called with First... and then as many Vars, the caller's line included or not.
template <class Function, class... First, std::size_t... Index>
consteval bool takes(std::index_sequence<Index...>) {
  return std::is_invocable_v<Function, First..., VarAt<Index>...> ||
         std::is_invocable_v<Function, First..., VarAt<Index>..., SourceLocation>;
}

struct Unlike {};  // anything that a function would look at

// Whether Function takes the caller's line behind as many Vars: a parameter of that type, not one of any type.
template <class Function, class... First, std::size_t... Index>
consteval bool takes_line(std::index_sequence<Index...>) {
  if constexpr (!std::is_invocable_v<Function, First..., VarAt<Index>..., SourceLocation>)
    return false;
  else
    return !std::is_invocable_v<Function, First..., VarAt<Index>..., Unlike>;
}

/// `value` itself where an operator computes it; a copy of what a parameter or an input holds at this place of
/// the recording. What a step or an inference returns then shares memory with neither.
Var computed(const Var& value, const SourceLocation& where);

/// How many Vars a model is called with: the least number that it can be.
template <class Model, std::size_t Count = 1>
consteval std::size_t inputs_of() {
  static_assert(Count <= most_vars, "a model is called with one to eight Vars: operator()(keel::Var, ...)");
  if constexpr (takes<Model&>(std::make_index_sequence<Count>{}))
    return Count;
  else
    return inputs_of<Model, Count + 1>();
}

// A layer or a function of keel's that is called from here takes the user's line: its default would be this one.
template <class Function, class... First, std::size_t... Index>
auto call(Function& function, std::span<const Var> vars, std::index_sequence<Index...> indices,
          const SourceLocation& where, const First&... first) {
  constexpr bool with_line = takes_line<Function&, First...>(decltype(indices){});
  if constexpr (with_line)
    return function(first..., vars[Index]..., where);
  else
    return function(first..., vars[Index]...);
}

/// The predictions of a model, of whatever type; `where` is the user's line. Throws Error where there are too
/// few inputs.
template <class Model>
auto call_model(Model& model, std::span<const Var> inputs, const SourceLocation& where) {
  if (inputs.size() < inputs_of<Model>()) refuse_inputs(inputs.size(), inputs_of<Model>(), where);
  return call(model, inputs, std::make_index_sequence<inputs_of<Model>()>{}, where);
}

/// The options of a loss of keel's, which takes them between its target and the caller's line.
template <class Options>
Options options_of(Var (*loss)(const Var&, const Var&, const Options&, const SourceLocation&));

/// The loss of predictions, given targets as many as there are. Throws Error where it can't take that many.
template <class Loss, class Predictions, std::size_t Count = 0>
Var call_loss(const Loss& loss, const Predictions& predictions, std::span<const Var> targets,
              const SourceLocation& where) {
  if constexpr (requires { options_of(loss); }) {  // a bare name does not bring its default arguments along
    const auto without_options = [&](const Var& prediction, const Var& target, const SourceLocation& line) {
      return loss(prediction, target, decltype(options_of(loss)){}, line);
    };
    return call_loss(without_options, predictions, targets, where);
  } else {
    if constexpr (takes<const Loss&, Predictions>(std::make_index_sequence<Count>{})) {
      if (targets.size() == Count)
        return call(loss, targets, std::make_index_sequence<Count>{}, where, predictions);
    }
    if constexpr (Count < most_vars)
      return call_loss<Loss, Predictions, Count + 1>(loss, predictions, targets, where);
    else
      refuse_targets(targets.size(), where);
  }
}

}  // namespace keel::detail
