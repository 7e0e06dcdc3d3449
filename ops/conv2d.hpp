#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// How far the kernel moves from one output pixel to the next, how many zeros lie around the image, and how the
/// kernel is spread: one number for both directions, or {height, width}.
struct Conv2dOptions {
  Size2d stride = 1;
  Size2d padding = 0;
  Size2d dilation = 1;      ///< how far the kernel's places are apart
  std::int64_t groups = 1;  ///< into which the channels are divided: as many as channels for depthwise
};

/// Convolution of images, in the field's sense, which does not mirror the kernel:
///
///   dst(n, o, y, x) = bias(o) + sum over i, h, w of weights(o, i, h, w)
///                               src(n, i, y stride + h dilation - padding, x stride + w dilation - padding)
///
/// src (N, I, H, W), weights (O, I, KH, KW) as PyTorch stores them, bias (O) or undefined for none; dst
/// (N, O, OH, OW) with OH = floor((H + 2 padding - (KH - 1) dilation - 1) / stride) + 1, OW alike. With groups,
/// weights (O, I / groups, KH, KW): the first of the groups of dst's channels is computed from the first group
/// of src's, and so on. f32 and f64. Throws ShapeError when the channels differ or can't be divided, the kernel
/// is larger than the padded image, a stride, dilation or the groups are below 1 or a padding negative.
Var conv2d(const Var& src, const Var& weights, const Var& bias = {}, Conv2dOptions options = {},
           const SourceLocation& where = SourceLocation::current());

}  // namespace keel
