#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// How far the kernel moves from one output pixel to the next, and how many zeros lie around the image: one
/// number for both directions, or {height, width}.
struct Conv2dOptions {
  Size2d stride = 1;
  Size2d padding = 0;
};

/// Convolution of images, in the field's sense, which does not mirror the kernel:
///
///   dst(n, o, y, x) = bias(o) + sum over i, h, w of weights(o, i, h, w) src(n, i, y stride + h - padding,
///                                                                                 x stride + w - padding)
///
/// src (N, I, H, W), weights (O, I, KH, KW) as PyTorch stores them, bias (O) or undefined for none; dst
/// (N, O, OH, OW) with OH = floor((H + 2 padding - KH) / stride) + 1, OW alike. f32 and f64. Throws
/// ShapeError when the channels differ, the kernel is larger than the padded image, a stride is below 1 or a
/// padding negative.
Var conv2d(const Var& src, const Var& weights, const Var& bias = {}, Conv2dOptions options = {},
           const SourceLocation& where = SourceLocation::current());

}  // namespace keel
