#pragma once

#include <cstdint>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// What stands in the new places.
enum class PadMode : std::uint8_t {
  constant,  ///< one number
  reflect,   ///< what stands as far within, the edge not repeated: of 1, 2, 3 by two 3, 2, 1, 2, 3, 2, 1
  edge,      ///< the edge
};

/// How many places are added along an axis.
struct PadWidths {
  std::int64_t before = 0;
  std::int64_t after = 0;
};

struct PadOptions {
  PadMode mode = PadMode::constant;
  double value = 0.0;  ///< of the constant
};

/// `src` with `widths` added along its axes, as numpy.pad; fewer widths than axes belong to the last ones. For a
/// constant f32 or f64, else of any element type. Throws ShapeError when there are more widths than axes, when one
/// is negative, or when an axis is too short to be reflected so far or has no edge.
Var pad(const Var& src, const std::vector<PadWidths>& widths, const PadOptions& options = {},
        const SourceLocation& where = SourceLocation::current());

/// The last two axes' matrices with zeros above the diagonal or below it, f32 or f64; `diagonal` 1 is the one above
/// the main diagonal, -1 the one below. What is replaced does not matter, NaN included. Throws ShapeError when
/// src has fewer than two axes.
Var tril(const Var& src, std::int64_t diagonal = 0, const SourceLocation& where = SourceLocation::current());
Var triu(const Var& src, std::int64_t diagonal = 0, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
