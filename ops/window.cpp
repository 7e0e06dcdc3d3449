#include "keel/ops/window.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

constexpr std::int64_t largest = std::int64_t{1} << 30;  // far from where sums of them overflow

void require_between(const Size2d& size, std::int64_t lowest, const char* role) {
  const auto fits = [&](std::int64_t extent) { return lowest <= extent && extent <= largest; };
  if (fits(size.height) && fits(size.width)) return;
  throw ShapeError{fmt::format("{} must be from {} to 2^30, not {}", role, lowest, to_string(size))};
}

}  // namespace

Size2d image_size(const Shape& shape) {
  return {shape[2], shape[3]};
}

void require_window(const Window& window) {
  require_between(window.kernel, 1, "kernel");
  require_between(window.stride, 1, "stride");
  require_between(window.dilation, 1, "dilation");
  require_between(window.padding, 0, "padding");
}

Size2d windows_in(const Size2d& image, const Window& window) {
  const auto [kernel, stride, padding, dilation] = window;
  require_window(window);
  if (image.height < 1 || image.width < 1) {
    throw ShapeError{fmt::format("the image {} has no pixels", to_string(image))};
  }
  const Size2d padded{image.height + 2 * padding.height, image.width + 2 * padding.width};
  const auto span = window.span();
  if (span.height > padded.height || span.width > padded.width) {
    const auto dilated = dilation == Size2d{1} ? "" : fmt::format(", dilated to {},", to_string(span));
    throw ShapeError{fmt::format("the kernel {}{} is larger than the image {} with padding {} on every side",
                                 to_string(kernel), dilated, to_string(image), to_string(padding))};
  }
  return {(padded.height - span.height) / stride.height + 1, (padded.width - span.width) / stride.width + 1};
}

std::string to_string(const Size2d& size) {
  return fmt::format("({}, {})", size.height, size.width);
}

}  // namespace keel
