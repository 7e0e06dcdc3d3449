#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Numbers from an operator's options as an array (n) beside `like`: on its tape, of its element type.
inline Var stored_values(const Var& like, const std::vector<double>& values, std::string name) {
  Tensor tensor{Shape{static_cast<std::int64_t>(values.size())}, like.dtype()};
  if (like.dtype() == DType::f64)
    std::ranges::copy(values, tensor.data<double>().begin());
  else
    std::ranges::transform(values, tensor.data<float>().begin(),
                           [](double value) { return static_cast<float>(value); });
  return like.tape().stored(tensor, std::move(name));
}

}  // namespace keel

#pragma GCC visibility pop
