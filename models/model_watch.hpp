#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/models/parameter.hpp"
#include "keel/models/presence.hpp"

namespace keel {

/// Notices what becomes of a model that something was compiled from, and refers to. Training steps and
/// inference have one of their own; it is for a CompiledFunction over a model:
///
///   if (watch.changed()) function.forget();
///
/// A model is where it was as long as its parameters and layers are. One that lies in containers entirely can
/// move without these: it then has a Presence of its own, and a member function `watch` that gives its watch,
/// as Mlp does.
class ModelWatch {
 public:
  template <class Model>
  explicit ModelWatch(Model& model)
      : model_{"", 0, reinterpret_cast<const std::byte*>(std::addressof(model)), sizeof(Model), nullptr, {}},
        parts_([&model] { return detail::parts_of(model); }),
        parameters_([&model](std::vector<const Parameter*>& found) { collect(model, found); }) {
    start();
  }

  /// Whether, since one looked last, a parameter anywhere in the model was frozen, unfrozen, initialized anew,
  /// replaced, added or taken away. Throws Error, naming the path, when the model, or a part of it, was moved
  /// away or destroyed.
  [[nodiscard]] bool changed();

 private:
  struct Seen {
    std::string path;
    Presence::Watch watch;
    std::size_t parts;  // those of it that are seen: they come next
  };

  // The parameters as they are visited, repetitions included: no more than must be done at every step.
  template <class Module>
  static void collect(Module& module, std::vector<const Parameter*>& found) {
    if constexpr (std::same_as<Module, Parameter>) {
      found.push_back(&module);
    } else if constexpr (std::ranges::range<Module>) {
      for (auto& child : module) collect(child, found);
    } else {
      module.visit([&](std::string_view, auto& child) { collect(child, found); });
    }
  }

  void start();

  detail::ModelPart model_;
  std::function<std::vector<detail::ModelPart>()> parts_;
  std::function<void(std::vector<const Parameter*>&)> parameters_;
  std::vector<Seen> seen_;
  std::vector<const Parameter*> visited_;
  std::vector<const Parameter*> visited_now_;  // kept to reuse its memory
  bool can_be_followed_ = false;               // something that is watched lies in the model itself
};

}  // namespace keel
