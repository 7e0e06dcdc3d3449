#pragma once

#include <array>
#include <concepts>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/models/call.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// A model, or any function of Vars, in a mode of its own: what `in_inference` and `in_training` return, to be
/// called on the spot. One that is not a temporary is used by reference.
template <class Model>
class InMode {
 public:
  InMode(Model&& model, Mode mode, const SourceLocation& where)
      : model_(std::forward<Model>(model)), mode_(mode), where_(where) {}

  /// What the model returns, of whatever type.
  template <std::same_as<Var>... Vars>
  requires(1 + sizeof...(Vars) == detail::inputs_of<Model>()) auto operator()(const Var& first,
                                                                              const Vars&... others) {
    const std::array inputs{first, others...};
    const ModeScope scope{first.tape(), mode_};
    return detail::call_model(model_, inputs, where_);
  }

 private:
  Model model_;  // or a reference
  Mode mode_;
  SourceLocation where_;
};

/// `model` in inference mode, on a training tape too: `in_inference(teacher)(images)`. Its batch norms normalize
/// by their running statistics and leave them alone, its dropouts do nothing. Gradients flow through it.
template <class Model>
InMode<Model> in_inference(Model&& model, const SourceLocation& where = SourceLocation::current()) {
  return {std::forward<Model>(model), Mode::inference, where};
}

/// `model` in training mode, on an inference tape too: its batch norms normalize by the batch and move their
/// running statistics, also in the step of another model, its dropouts draw.
template <class Model>
InMode<Model> in_training(Model&& model, const SourceLocation& where = SourceLocation::current()) {
  return {std::forward<Model>(model), Mode::training, where};
}

}  // namespace keel
