// Convolutions in one or two directions.

#include <fmt/format.h>

#include <array>

#include "keel/models/onnx/call.hpp"
#include "keel/models/onnx/spatial.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/conv_transpose2d.hpp"
#include "keel/ops/pad.hpp"
#include "keel/ops/slice.hpp"

namespace keel::onnx {
namespace {

std::vector<std::int64_t> kernel_of(const Call& call) {
  const auto weights = call.extents(1);
  if (weights.size() < 3) call.fail("its weights have no kernel");
  return {weights.begin() + 2, weights.end()};
}

void convolution(Call& call) {
  const auto& where = call.where();
  const auto spatial = spatial_of(call, kernel_of(call));
  Var src = as_images(spatial, call.real(0), where);
  const Var weights = as_images(spatial, call.real(1), where);
  const bool even = spatial.is_even();
  if (!even) src = pad(src, {spatial.rows, spatial.columns}, {}, where);
  const Conv2dOptions options{.stride = spatial.stride,
                              .padding = even ? spatial.padding() : Size2d{0},
                              .dilation = spatial.dilation,
                              .groups = call.integer("group", 1)};
  const Var bias = call.has(2) ? call.real(2) : Var{};
  call.give(as_given(spatial, conv2d(src, weights, bias, options, where), where));
}

// The widths that are cut off a full transposed convolution so that `wanted` pixels are left.
PadWidths cut(const Call& call, std::int64_t full, std::int64_t wanted, bool more_behind) {
  const auto total = full - wanted;
  if (total < 0) call.refuse("keel makes no pixels beyond those that a transposed convolution reaches");
  return more_behind ? PadWidths{total / 2, total - total / 2} : PadWidths{total - total / 2, total / 2};
}

void transposed_convolution(Call& call) {
  const auto& where = call.where();
  const auto automatic = call.text("auto_pad", "NOTSET");
  const auto spatial = spatial_of(call, kernel_of(call));
  const auto count = spatial.is_line ? std::size_t{1} : std::size_t{2};
  const auto more = call.integers("output_padding", std::vector<std::int64_t>(count, 0));
  const auto wanted = call.integers("output_shape", {});
  if (more.size() != count || (!wanted.empty() && wanted.size() != count))
    call.fail("its output has other directions");
  const Var src = as_images(spatial, call.real(0), where);
  const Var weights = as_images(spatial, call.real(1), where);
  const Size2d output_padding = spatial.is_line ? Size2d{0, more[0]} : Size2d{more[0], more[1]};
  // Without padding, which takes pixels away, all pixels are there; then those that are wanted are cut out.
  const ConvTranspose2dOptions options{.stride = spatial.stride,
                                       .padding = 0,
                                       .output_padding = output_padding,
                                       .dilation = spatial.dilation,
                                       .groups = call.integer("group", 1)};
  const Var bias = call.has(2) ? call.real(2) : Var{};
  Var dst = conv_transpose2d(src, weights, bias, options, where);
  std::array<PadWidths, 2> cuts{spatial.rows, spatial.columns};
  const std::array strides{spatial.stride.height, spatial.stride.width};
  const bool is_same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  for (std::size_t i = 2 - count; i < 2; ++i) {
    const auto full = dst.shape()[i + 2];
    if (!wanted.empty())
      cuts.at(i) = cut(call, full, wanted[i - (2 - count)], automatic != "SAME_LOWER");
    else if (is_same)
      cuts.at(i) = cut(call, full, src.shape()[i + 2] * strides.at(i), automatic == "SAME_UPPER");
    const auto [before, after] = cuts.at(i);
    if (before + after >= full) call.fail("no pixel is left of its output");
    if (before + after > 0) dst = slice(dst, static_cast<std::int64_t>(i) + 2, before, full - after, where);
  }
  call.give(as_given(spatial, dst, where));
}

}  // namespace

std::span<const OperatorEntry> convolution_operators() {
  static constexpr std::array entries{
      OperatorEntry{"Conv", 2, 3, 1, convolution},
      OperatorEntry{"ConvTranspose", 2, 3, 1, transposed_convolution},
  };
  return entries;
}

}  // namespace keel::onnx
