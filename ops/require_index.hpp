#pragma once

#include <cstdint>

#include "keel/runtime/shape.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Throws Error unless `index`, element `place` of an array of shape `indices`, is from 0 to extent - 1.
void require_index(std::int32_t index, std::int64_t place, const Shape& indices, std::int64_t extent);

}  // namespace keel

#pragma GCC visibility pop
