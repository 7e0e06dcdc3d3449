#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// The size of the windows, how far it is from one to the next, how much padding lies around the image, and how
/// far a window's places are apart: one number for both directions, or {height, width}.
struct Pool2dOptions {
  Size2d kernel;
  Size2d stride = kernel;
  Size2d padding = 0;
  Size2d dilation = 1;  ///< of maxima alone
};

/// The largest element of each window of each channel: src (N, C, H, W) to dst (N, C, OH, OW) with
/// OH = floor((H + 2 padding - (kernel - 1) dilation - 1) / stride) + 1, OW alike. The gradient goes to the first largest
/// element, row by row. f32 and f64. NaN counts as the largest, as in PyTorch; the gradient then goes to the
/// last one. Throws ShapeError when the kernel is larger than the padded image, a stride or dilation is below 1,
/// a padding negative or more than half the kernel, or a window would have no element.
Var max_pool2d(const Var& src, const Pool2dOptions& options,
               const SourceLocation& where = SourceLocation::current());

/// The mean of each window; padding counts as zeros, as in PyTorch. Shapes and errors as for `max_pool2d`, and
/// ShapeError for a dilation. See `adaptive_average_pool2d` for windows that follow from the size of the result;
/// over all of an image it is `mean(src, {2, 3})`.
Var average_pool2d(const Var& src, const Pool2dOptions& options,
                   const SourceLocation& where = SourceLocation::current());

}  // namespace keel
