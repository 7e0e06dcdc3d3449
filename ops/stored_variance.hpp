#pragma once

#include <cmath>
#include <limits>

#pragma GCC visibility push(hidden)

namespace keel {

/// Whether a variance stored as f32 says too little of what it was: it was above the largest float, or below
/// the smallest with all its digits where no epsilon hides that. Derivatives then take it from the values anew.
inline bool lost_in_f32(float variance, double epsilon) {
  constexpr float smallest = std::numeric_limits<float>::min();
  return std::isinf(variance) || (variance < smallest && epsilon < smallest);
}

}  // namespace keel

#pragma GCC visibility pop
