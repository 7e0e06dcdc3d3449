#include "keel/models/onnx/spatial.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/ops/reshape.hpp"

namespace keel::onnx {
namespace {

using Numbers = std::vector<std::int64_t>;

constexpr std::int64_t largest = 1 << 24;

Numbers setting(const Call& call, std::string_view name, std::size_t count, std::int64_t otherwise,
                std::int64_t least) {
  auto numbers = call.integers(name, Numbers(count, otherwise));
  if (numbers.size() != count)
    call.fail(fmt::format("attribute '{}' has {} numbers, not {}", name, numbers.size(), count));
  for (const auto number : numbers)
    if (number < least || number > largest) call.fail(fmt::format("attribute '{}' has a {}", name, number));
  return numbers;
}

// So that there are ceil(extent / stride) windows.
PadWidths same(std::int64_t extent, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
               bool upper) {
  const auto windows = (extent + stride - 1) / stride;
  const auto total = std::max<std::int64_t>(0, (windows - 1) * stride + (kernel - 1) * dilation + 1 - extent);
  const auto smaller = total / 2;
  return upper ? PadWidths{smaller, total - smaller} : PadWidths{total - smaller, smaller};
}

// Rounded up, the last window may reach beyond the padding, but must begin before its end.
void round_up(PadWidths& pads, std::int64_t extent, std::int64_t kernel, std::int64_t stride,
              std::int64_t dilation) {
  const auto span = (kernel - 1) * dilation + 1;
  const auto room = extent + pads.before + pads.after - span;
  if (room < 0) return;
  auto windows = (room + stride - 1) / stride + 1;
  if ((windows - 1) * stride >= extent + pads.before) --windows;
  pads.after +=
      std::max<std::int64_t>(0, (windows - 1) * stride + span - (extent + pads.before + pads.after));
}

}  // namespace

Spatial spatial_of(const Call& call, Numbers kernel) {
  const auto src = call.extents(0);
  if (src.size() != 3 && src.size() != 4)
    call.refuse(
        fmt::format("keel has windows in one or two directions, not over an array of {} axes", src.size()));
  const auto count = src.size() - 2;
  if (call.is_set("kernel_shape") || kernel.empty()) kernel = setting(call, "kernel_shape", count, 1, 1);
  if (kernel.size() != count) call.fail("its kernel has other directions than its images");
  const auto strides = setting(call, "strides", count, 1, 1);
  const auto dilations = setting(call, "dilations", count, 1, 1);
  const auto pads = setting(call, "pads", 2 * count, 0, 0);
  const auto automatic = call.text("auto_pad", "NOTSET");
  const bool rounds_up = call.flag("ceil_mode");
  const bool is_same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  if (!is_same && automatic != "NOTSET" && automatic != "VALID" && !automatic.empty())
    call.fail(fmt::format("attribute 'auto_pad' is '{}'", automatic));
  Spatial spatial{.is_line = count == 1, .kernel = 1, .rounds_up = rounds_up};
  std::vector<PadWidths> widths;
  for (std::size_t i = 0; i < count; ++i) {
    PadWidths width{pads[i], pads[i + count]};
    if (automatic == "VALID") width = {};
    if (is_same) width = same(src[i + 2], kernel[i], strides[i], dilations[i], automatic == "SAME_UPPER");
    if (rounds_up) round_up(width, src[i + 2], kernel[i], strides[i], dilations[i]);
    widths.push_back(width);
  }
  const auto both = [&](const Numbers& numbers) {
    return count == 1 ? Size2d{1, numbers[0]} : Size2d{numbers[0], numbers[1]};
  };
  spatial.kernel = both(kernel);
  spatial.stride = both(strides);
  spatial.dilation = both(dilations);
  spatial.rows = count == 1 ? PadWidths{} : widths[0];
  spatial.columns = widths.back();
  return spatial;
}

Var as_images(const Spatial& spatial, const Var& src, const SourceLocation& where) {
  return spatial.is_line ? expand_dims(src, 2, where) : src;
}

Var as_given(const Spatial& spatial, const Var& dst, const SourceLocation& where) {
  return spatial.is_line ? squeeze(dst, {2}, where) : dst;
}

}  // namespace keel::onnx
