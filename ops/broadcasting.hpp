#pragma once

#include <cstddef>
#include <cstdint>

#include "keel/runtime/shape.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// `shape` with leading extents of 1 up to `rank`: how broadcasting aligns shapes.
Shape padded(const Shape& shape, std::size_t rank);

/// Where element `index` of an array of shape `whole` comes from in one of shape `part` that broadcasts to
/// it.
std::int64_t broadcast_index(std::int64_t index, const Shape& whole, const Shape& part);

/// How an array is filled from one that broadcasts to it without looking up each element.
struct Runs {
  std::int64_t length;  ///< this many neighbours come from as many of the smaller array or,
  bool stretched;       ///< if set, all from one element
};
/// The longest runs, `part` having as many axes as `whole`.
Runs runs_of(const Shape& whole, const Shape& part);

}  // namespace keel

#pragma GCC visibility pop
