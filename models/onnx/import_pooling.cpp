// Windows over images whose elements become one.

#include <array>
#include <limits>
#include <numeric>

#include "keel/models/onnx/call.hpp"
#include "keel/models/onnx/spatial.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/pad.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/reduce.hpp"

namespace keel::onnx {
namespace {

// keel's own padding is even and at most half a kernel.
bool is_padded_by_keel(const Spatial& spatial) {
  return spatial.is_even() && spatial.rows.before * 2 <= spatial.kernel.height &&
         spatial.columns.before * 2 <= spatial.kernel.width;
}

Pool2dOptions options_of(const Spatial& spatial, bool padded) {
  return {.kernel = spatial.kernel,
          .stride = spatial.stride,
          .padding = padded ? spatial.padding() : Size2d{0},
          .dilation = spatial.dilation};
}

void max_pool(Call& call) {
  if (call.wants(1)) call.refuse("keel does not say where the largest elements stood");
  const auto spatial = spatial_of(call, {});
  Var src = as_images(spatial, call.real(0), call.where());
  const bool padded = is_padded_by_keel(spatial);
  if (!padded) {
    constexpr double nothing = -std::numeric_limits<double>::infinity();
    src = pad(src, {spatial.rows, spatial.columns}, {.mode = PadMode::constant, .value = nothing},
              call.where());
  }
  call.give(as_given(spatial, max_pool2d(src, options_of(spatial, padded), call.where()), call.where()));
}

// Dilated windows are those of a convolution of each channel, whose weights are all the same.
Term mean_by_convolution(const Call& call, const Spatial& spatial, const Var& src) {
  const auto channels = src.shape()[1];
  const auto [height, width] = spatial.kernel;
  const auto part = src.tape().constant(1.0 / static_cast<double>(height * width), src.dtype());
  const Var weights = broadcast_to(part, Shape{channels, 1, height, width}, call.where());
  const Conv2dOptions options{
      .stride = spatial.stride, .padding = 0, .dilation = spatial.dilation, .groups = channels};
  return {conv2d(src, weights, {}, options, call.where()), call.where()};
}

// The mean of each window, padding counted as zeros.
Term mean_of_windows(const Call& call, const Spatial& spatial, const Var& images) {
  const Var src = pad(images, {spatial.rows, spatial.columns}, {}, call.where());
  if (spatial.dilation != Size2d{1}) return mean_by_convolution(call, spatial, src);
  return {average_pool2d(src, options_of(spatial, false), call.where()), call.where()};
}

bool has_padding(const Spatial& spatial) {
  return spatial.rows.before + spatial.rows.after + spatial.columns.before + spatial.columns.after > 0;
}

void average_pool(Call& call) {
  const auto spatial = spatial_of(call, {});
  const auto& where = call.where();
  const Var src = as_images(spatial, call.real(0), where);
  if (is_padded_by_keel(spatial) && spatial.dilation == Size2d{1} &&
      (call.flag("count_include_pad") || !has_padding(spatial)) && !spatial.rounds_up)
    return call.give(as_given(spatial, average_pool2d(src, options_of(spatial, true), where), where));
  const Term means = mean_of_windows(call, spatial, src);
  // The part of each window that counts: the image, and the padding that the file names where that is
  // included.
  auto counted = spatial;
  const Shape image{1, 1, src.shape()[2], src.shape()[3]};
  Var ones = broadcast_to(src.tape().constant(1.0, src.dtype()), image, where);
  if (call.flag("count_include_pad")) {
    auto pads = call.integers("pads", std::vector<std::int64_t>(spatial.is_line ? 2 : 4, 0));
    if (spatial.is_line) pads = {0, pads[0], 0, pads[1]};
    const std::vector<PadWidths> named{{pads[0], pads[2]}, {pads[1], pads[3]}};
    ones = pad(ones, named, {.mode = PadMode::constant, .value = 1.0}, where);
    counted.rows = {spatial.rows.before - pads[0], spatial.rows.after - pads[2]};
    counted.columns = {spatial.columns.before - pads[1], spatial.columns.after - pads[3]};
  }
  call.give(as_given(spatial, (means / mean_of_windows(call, counted, ones)).var, where));
}

// The p-norm of each window: (sum of |src|^p)^(1/p).
void norm_pool(Call& call) {
  const auto spatial = spatial_of(call, {});
  const auto p = static_cast<double>(call.integer("p", 2));
  if (p < 1.0) call.fail("attribute 'p' is not positive");
  const auto& where = call.where();
  const Var src = as_images(spatial, call.real(0), where);
  const Var powers = pow(abs(src, where), p, where);
  const auto size = static_cast<double>(spatial.kernel.height * spatial.kernel.width);
  const Term sums = mean_of_windows(call, spatial, powers) * size;
  call.give(as_given(spatial, pow(sums.var, 1.0 / p, where), where));
}

Axes pixels_of(const Call& call) {
  if (call.rank(0) < 3) call.fail("its input is not images");
  Axes axes(call.rank(0) - 2);
  std::iota(axes.begin(), axes.end(), 2);
  return axes;
}

void global_average(Call& call) {
  call.give(mean(call.real(0), pixels_of(call), true, call.where()));
}

void global_max(Call& call) {
  call.give(max(call.real(0), pixels_of(call), true, call.where()));
}

}  // namespace

std::span<const OperatorEntry> pooling_operators() {
  static constexpr std::array entries{
      OperatorEntry{"MaxPool", 1, 1, 2, max_pool},
      OperatorEntry{"AveragePool", 1, 1, 1, average_pool},
      OperatorEntry{"LpPool", 1, 1, 1, norm_pool},
      OperatorEntry{"GlobalAveragePool", 1, 1, 1, global_average},
      OperatorEntry{"GlobalMaxPool", 1, 1, 1, global_max},
  };
  return entries;
}

}  // namespace keel::onnx
