#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The part of `src` from `begin` up to `end`, which is left out, along `axis`; of any element type. Negative
/// numbers count from the back: slice(src, 0, -2, n) are the last two of n. Throws ShapeError when that is
/// empty or reaches outside src.
Var slice(const Var& src, std::int64_t axis, std::int64_t begin, std::int64_t end,
          const SourceLocation& where = SourceLocation::current());

/// Every `step`-th element from `begin` up to `end`, which is left out, as NumPy's begin:end:step: the bounds may be
/// left out, negative ones count from the back, and a negative step goes backwards, from the last element to the
/// first where there are no bounds.
struct SliceRange {
  std::optional<std::int64_t> begin = std::nullopt;
  std::optional<std::int64_t> end = std::nullopt;
  std::int64_t step = 1;
};

/// The part of `src` that `range` names along `axis`, of any element type: slice(src, 0, {.step = 2}) is every
/// second row. Throws ShapeError when that reaches outside src, goes the other way or has a step of 0.
Var slice(const Var& src, std::int64_t axis, const SliceRange& range,
          const SourceLocation& where = SourceLocation::current());

/// `src` with the order of its elements reversed along each of `axes`, all where none are named, of any element
/// type.
Var flip(const Var& src, const Axes& axes = {}, const SourceLocation& where = SourceLocation::current());

/// `src` in pieces along `axis`, of any element type: `length` long each but for the last, which is what is left,
/// or of `lengths`. Throws ShapeError when the length is not positive, or when the lengths do not add up to the
/// axis.
std::vector<Var> split(const Var& src, std::int64_t length, std::int64_t axis,
                       const SourceLocation& where = SourceLocation::current());
std::vector<Var> split(const Var& src, const std::vector<std::int64_t>& lengths, std::int64_t axis,
                       const SourceLocation& where = SourceLocation::current());

}  // namespace keel
