#include "keel/ops/conv_transpose2d.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "keel/graph/tape.hpp"
#include "keel/ops/conv2d_op.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

std::int64_t extent_of(std::int64_t pixels, std::int64_t stride, std::int64_t padding, std::int64_t span,
                       std::int64_t added) {
  return (pixels - 1) * stride - 2 * padding + span + added;
}

void require_channels(const ValueType& src, const ValueType& weights, std::int64_t groups) {
  require_rank(src, 4, "src");
  require_rank(weights, 4, "weights");
  if (groups < 1) throw ShapeError{fmt::format("groups must be 1 or more, not {}", groups)};
  if (weights.shape.elements() == 0) {
    throw ShapeError{
        fmt::format("weights (in, out, height, width) {} have no elements", to_string(weights.shape))};
  }
  if (src.shape[1] != weights.shape[0]) {
    throw ShapeError{fmt::format("src has {}, weights (in, out, height, width) expect {}",
                                 counted(src.shape[1], "channel"), weights.shape[0])};
  }
  if (src.shape[1] % groups != 0) {
    throw ShapeError{fmt::format("{} can't be divided into {}", counted(src.shape[1], "channel"),
                                 counted(groups, "equal group"))};
  }
}

// The size of dst.
Size2d image_of(const Size2d& src, const Size2d& kernel, const ConvTranspose2dOptions& options) {
  const auto& [stride, padding, added, dilation, groups] = options;
  if (src.height < 1 || src.width < 1)
    throw ShapeError{fmt::format("the image {} has no pixels", to_string(src))};
  require_window({kernel, stride, padding, dilation});
  const auto fits = [](std::int64_t more, std::int64_t step) { return more >= 0 && more < step; };
  if (!fits(added.height, stride.height) || !fits(added.width, stride.width)) {
    throw ShapeError{fmt::format("output_padding {} must be 0 or more and below the stride {}",
                                 to_string(added), to_string(stride))};
  }
  const auto span = Window{kernel, stride, padding, dilation}.span();
  const Size2d dst{extent_of(src.height, stride.height, padding.height, span.height, added.height),
                   extent_of(src.width, stride.width, padding.width, span.width, added.width)};
  if (dst.height < 1 || dst.width < 1) {
    throw ShapeError{fmt::format("padding {} leaves no pixel of the result of kernel {} and image {}",
                                 to_string(padding), to_string(kernel), to_string(src))};
  }
  return dst;
}

}  // namespace

Var conv_transpose2d(const Var& src, const Var& weights, const Var& bias,
                     const ConvTranspose2dOptions& options, const SourceLocation& where) {
  try {
    require_channels(src.type(), weights.type(), options.groups);
    const auto size = image_of(image_size(src.shape()), image_size(weights.shape()), options);
    const auto channels = weights.shape()[1] * options.groups;
    if (bias.defined()) require_shape(bias.type(), Shape{channels}, "bias");
    const Conv2dOptions convolution{options.stride, options.padding, options.dilation, options.groups};
    const auto op = std::make_shared<Conv2dBackwardDataOp>(convolution, size);
    Var dst = record(op, {src, weights}, where);
    if (!bias.defined()) return dst;
    return (Term{dst, where} + Term{bias, where}.reshaped({1, channels, 1, 1})).var;
  } catch (const ShapeError& error) {
    throw ShapeError{fmt::format("conv_transpose2d({}, {}) at {}: {}", to_string(src.type()),
                                 to_string(weights.type()), describe(where), error.what())};
  }
}

}  // namespace keel
