#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "keel/runtime/shape.hpp"

namespace keel {

/// Axes of an array, as a caller names them: {0, 2} or, counted from the back, {-1}.
using Axes = std::vector<std::int64_t>;

/// `axis`, counted from the front. Throws ShapeError when an array of `shape` has no such axis.
std::size_t axis_of(std::int64_t axis, const Shape& shape);

/// `shape` with an extent of 1 along each of `axes`; none stands for all. Throws ShapeError when an axis is
/// out of range or named twice.
Shape with_ones(const Shape& shape, const Axes& axes);

/// `shape` without `axes`; none stands for all. Throws as `with_ones` does.
Shape without(const Shape& shape, const Axes& axes);

/// Throws ShapeError when an axis of `axes`, all where none are named, has no elements of which one could be the
/// `superlative` ("largest") one, while others are asked for. Throws as `with_ones` does.
void require_elements(const Shape& shape, const Axes& axes, std::string_view superlative);

/// The product of `shape`'s extents from axis `begin` up to axis `end`, which is left out.
std::int64_t elements_between(const Shape& shape, std::size_t begin, std::size_t end);

}  // namespace keel
