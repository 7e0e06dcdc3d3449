#pragma once

// What the tests of reductions and shape operators share.

#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/ops/axes.hpp"

namespace keel::test {

/// Every choice of at least one of `rank` axes.
inline std::vector<Axes> choices_of_axes(std::size_t rank) {
  std::vector<Axes> choices;
  for (unsigned chosen = 1; chosen < 1U << rank; ++chosen) {
    Axes axes;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if ((chosen >> axis & 1U) != 0) axes.push_back(static_cast<std::int64_t>(axis));
    }
    choices.push_back(axes);
  }
  return choices;
}

/// What a function of one constant computes, as elements of T.
template <class T, class Record>
std::vector<T> computed(const Tensor& src, const Record& function) {
  Tape tape;
  const std::vector<Var> outputs{function(tape.stored(src))};
  Plan plan{tape, outputs};
  plan.run();
  const auto elements = plan.output(0).data<T>();
  return {elements.begin(), elements.end()};
}

/// 0, 1, 2, ... as elements of T.
template <class T>
Tensor counting(const Shape& shape) {
  Tensor tensor{shape, dtype_of<T>()};
  T next{};
  for (auto& element : tensor.data<T>()) element = next++;
  return tensor;
}

}  // namespace keel::test
