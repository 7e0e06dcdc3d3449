#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// The size of the windows, how far it is from one to the next, and how much padding lies around the image:
/// one number for both directions, or {height, width}.
struct Pool2dOptions {
  Size2d kernel;
  Size2d stride = kernel;
  Size2d padding = 0;
};

/// The largest element of each window of each channel: src (N, C, H, W) to dst (N, C, OH, OW) with
/// OH = floor((H + 2 padding - kernel) / stride) + 1, OW alike. The gradient goes to the first largest
/// element, row by row. f32 and f64. NaN counts as the largest, as in PyTorch; the gradient then goes to the
/// last one. Throws ShapeError when the kernel is larger than the padded image, a stride is below 1, or a
/// padding negative or more than half the kernel, so that every window has an element.
Var max_pool2d(const Var& src, const Pool2dOptions& options,
               const SourceLocation& where = SourceLocation::current());

/// The mean of each window; padding counts as zeros, as in PyTorch. Shapes and errors as for `max_pool2d`.
Var average_pool2d(const Var& src, const Pool2dOptions& options,
                   const SourceLocation& where = SourceLocation::current());

}  // namespace keel
