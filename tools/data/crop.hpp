#pragma once

#include <cstdint>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// A part of an image: `rows` from `top` on, and of these `columns` from `left` on.
struct Crop {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  bool operator==(const Crop&) const = default;
};

/// The share of images in which a row or column must be other than blank for `busy_part` to keep it. A batch
/// of 64 leaves the row out entirely once in 1e8 times then.
inline constexpr double least_busy_share = 0.25;

/// The images without those rows and columns at their edges that hardly vary: which are nothing but the set's
/// background there, its most frequent value, in more than three quarters of the images. All of an image
/// where less than two rows or columns would be left.
Crop busy_part(const ImageSet& set);

}  // namespace keel::tools
