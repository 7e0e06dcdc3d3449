#include "keel/ops/conv2d_parts.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace keel {
namespace {

using onednn::Convolution;

// oneDNN adds up what comes from one position after the other, so that of equal terms the error
// grows by one unit of f32's roundoff with every six: the positions are split until it stays below 2 + 4 times
// the root of their number, and below 200.

std::int64_t parts_wanted(std::int64_t positions) {
  return positions <= 512 ? 1 : std::max<std::int64_t>(2, (positions + 1023) / 1024);
}

Conv2dPart images_of(const Convolution& of, std::int64_t begin, std::int64_t end) {
  Conv2dPart part{of, begin * of.src.elements() / of.src[0], begin * of.dst.elements() / of.dst[0]};
  part.convolution.src = {end - begin, of.src[1], of.src[2], of.src[3]};
  part.convolution.dst = {end - begin, of.dst[1], of.dst[2], of.dst[3]};
  return part;
}

// The rows from `begin` to `end` of dst's image `n`, and those of src from which they come.
Conv2dPart rows_of(const Convolution& of, std::int64_t n, std::int64_t begin, std::int64_t end) {
  const auto [stride, padding, span] = std::tuple{of.window.stride, of.window.padding, of.window.span()};
  const auto first = begin * stride.height - padding.height;
  const auto last = (end - 1) * stride.height - padding.height + span.height;
  const auto [from, to] = std::pair{std::max<std::int64_t>(first, 0), std::min(last, of.src[2])};
  Conv2dPart part = images_of(of, n, n + 1);
  part.src_offset += from * of.src[3] * of.src[1];
  part.dst_offset += begin * of.dst[3] * of.dst[1];
  part.convolution.src = {1, of.src[1], to - from, of.src[3]};
  part.convolution.dst = {1, of.dst[1], end - begin, of.dst[3]};
  part.convolution.window.padding.height = from - first;
  part.convolution.padding_behind = Size2d{last - to, padding.width};
  return part;
}

}  // namespace

std::vector<Conv2dPart> conv2d_parts(const Convolution& of) {
  const auto images = of.dst[0];
  const auto rows = of.dst[2];
  const auto wanted = parts_wanted(images * rows * of.dst[3]);
  std::vector<Conv2dPart> parts;
  // Where all rows of a window may lie in the padding there would be a part without any pixel.
  if (wanted <= images || of.window.padding.height >= of.window.span().height) {
    const auto length = std::max<std::int64_t>(1, images / wanted);
    for (std::int64_t n = 0; n < images; n += length)
      parts.push_back(images_of(of, n, std::min(images, n + length)));
    return parts;
  }
  const auto of_image = std::min(rows, (wanted + images - 1) / images);
  const auto length = (rows + of_image - 1) / of_image;
  for (std::int64_t n = 0; n < images; ++n) {
    for (std::int64_t row = 0; row < rows; row += length)
      parts.push_back(rows_of(of, n, row, std::min(rows, row + length)));
  }
  return parts;
}

}  // namespace keel
