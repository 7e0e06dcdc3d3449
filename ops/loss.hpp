#pragma once

#include <cstdint>
#include <string_view>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// What a loss makes of its terms, one for each element or each row.
enum class Reduction : std::uint8_t {
  mean,  ///< over all terms; where they are weighted, their sum divided by the sum of the weights
  sum,
  none,  ///< the terms themselves
};

/// What losses without settings of their own take.
struct LossOptions {
  Reduction reduction = Reduction::mean;
};

/// The terms of a loss, reduced.
Var reduced(const Var& terms, Reduction reduction, const SourceLocation& where = SourceLocation::current());

/// Throws ShapeError, naming `loss`, unless both have one shape: broadcasting in a loss, of (N, 1) against (N)
/// for one, would be a mistake.
void require_one_shape(std::string_view loss, const Var& prediction, const Var& target,
                       const SourceLocation& where);

}  // namespace keel
