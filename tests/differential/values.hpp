#pragma once

#include "case.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel::differential {

/// The numbers of input `index` of a case: f32, or s32 labels. The same for the same case.
Tensor values_of(const Case& description, std::size_t index);

/// Numbers of a kind for an array that the case does not name: an upstream gradient, a running statistic.
Tensor hidden_values(const Case& description, std::string_view purpose, std::uint64_t index,
                     const Shape& shape, ValueKind kind);

}  // namespace keel::differential
