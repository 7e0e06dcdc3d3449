#pragma once

// What the tests of gradcheck share: operators whose derivative is made up.

#include "graph_support.hpp"

namespace keel::testing {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The derivative of a function at x; the element's number is there for faults in one element alone.
using Derivative = std::function<double(double x, std::int64_t element)>;

/// dst = function(src), element by element in f64, with whatever derivative it is said to have.
inline Var elementwise(const std::string& name, const Var& src, const std::function<double(double)>& function,
                       const Derivative& derivative,
                       const SourceLocation& where = SourceLocation::current()) {
  const auto forward = kernel_of([function](auto from, auto to) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = function(from[i]);
  });
  const auto backward = [derivative](const Binding& binding) {
    return Kernel{[derivative, x = binding.input<const double>(0), grad_dst = binding.input<const double>(1),
                   grad_src = binding.output<double>(0), count = binding.output_type(0).shape.elements()] {
                    for (std::int64_t i = 0; i < count; ++i) {
                      grad_src.get()[i] = grad_dst.get()[i] * derivative(x.get()[i], i);
                    }
                  },
                  "loop"};
  };
  const auto vjp = [backward, name](const VjpContext& context) {
    return std::vector{custom({.name = name + "_backward", .bind = backward},
                              {context.inputs[0], context.output_grads[0]}, context.where)};
  };
  return custom({.name = name, .bind = forward, .vjp = vjp}, {src}, where);
}

}  // namespace keel::testing
