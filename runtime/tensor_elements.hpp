#pragma once

#include <cstdint>

#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel::detail {

/// Element `index` in row-major order of a tensor of any type, which a double holds exactly.
double element(const Tensor& tensor, std::int64_t index);

}  // namespace keel::detail

#pragma GCC visibility pop
