#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// The mean of as many windows of each channel as `size` says, {height, width} or one number for both: src
/// (N, C, H, W) to dst (N, C, size). Window i along H goes from floor(i H / height) up to
/// ceil((i + 1) H / height), as PyTorch's do: windows may overlap, and differ by a pixel. Where they are all alike
/// it is `average_pool2d`. A size of 1 is the mean over the image. f32 and f64. Throws ShapeError when src has
/// other than four axes or no pixels, or a size is below 1.
Var adaptive_average_pool2d(const Var& src, Size2d size,
                            const SourceLocation& where = SourceLocation::current());

}  // namespace keel
