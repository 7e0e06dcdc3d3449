#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// Those of the convolution that is transposed, and by how much its images are larger than the smallest ones that
/// it makes src of: one number for both directions, or {height, width}.
struct ConvTranspose2dOptions {
  Size2d stride = 1;
  Size2d padding = 0;
  Size2d output_padding = 0;
  Size2d dilation = 1;
  std::int64_t groups = 1;
};

/// Transposed convolution: what `conv2d` gives back of its src's gradient, as a function of its own. Each pixel of
/// src adds its multiple of the kernel to dst, `stride` pixels apart:
///
///   dst(n, o, y stride + h dilation - padding, x stride + w dilation - padding)
///       += sum over i of weights(i, o, h, w) src(n, i, y, x)
///
/// src (N, I, H, W), weights (I, O / groups, KH, KW) as PyTorch stores them, bias (O) or undefined for none; dst
/// (N, O, OH, OW) with OH = (H - 1) stride - 2 padding + (KH - 1) dilation + 1 + output_padding, OW alike. f32
/// and f64. Throws ShapeError when the channels differ or can't be divided into the groups, dst would have no
/// pixel, or an output padding is not below its stride.
Var conv_transpose2d(const Var& src, const Var& weights, const Var& bias = {},
                     const ConvTranspose2dOptions& options = {},
                     const SourceLocation& where = SourceLocation::current());

}  // namespace keel
