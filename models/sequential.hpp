#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Layers and functions, one applied to the output of the other:
///
///   Sequential model{Linear{784, 128}, BatchNorm{128}, relu, Linear{128, 10}};
///
/// Layers are moved in, and named by their place: "0", "1", "3". A function takes a Var, and may take the
/// caller's line as well; one with further arguments goes into a lambda.
template <class... Layers>
class Sequential {
 public:
  explicit Sequential(Layers... layers) : layers_(std::move(layers)...) {}

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) {
    return apply(layers_, src, where);
  }
  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const {
    return apply(layers_, src, where);
  }

  void visit(auto&& each) {
    const auto visit_one = [&](std::size_t index, auto& layer) {
      if constexpr (requires { layer.visit(each); }) each(std::to_string(index), layer);
    };
    [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      (visit_one(Index, std::get<Index>(layers_)), ...);
    }
    (std::index_sequence_for<Layers...>{});
  }

 private:
  static Var apply(auto& layers, Var value, const SourceLocation& where) {
    std::apply([&](auto&... layer) { ((value = apply_one(layer, value, where)), ...); }, layers);
    return value;
  }

  // A pointer to a function that takes the caller's line has lost its default argument.
  static Var apply_one(auto& layer, const Var& src, const SourceLocation& where) {
    using Layer = decltype(layer);
    constexpr bool takes_line = std::is_invocable_v<Layer, const Var&, const SourceLocation&>;
    static_assert(takes_line || std::is_invocable_v<Layer, const Var&>,
                  "each layer of a Sequential is called with one Var: put other functions into a lambda");
    if constexpr (takes_line)
      return layer(src, where);
    else
      return layer(src);
  }

  std::tuple<Layers...> layers_;
};

}  // namespace keel
