#include "keel/tools/training/class_groups.hpp"

#include <algorithm>

namespace keel::tools {

void sort_by_class(std::span<std::int32_t> images, std::span<const std::uint8_t> labels) {
  std::ranges::stable_sort(images, {},
                           [&](std::int32_t image) { return labels[static_cast<std::size_t>(image)]; });
}

void for_each_batch(std::span<std::int32_t> images, std::int64_t size,
                    const std::function<void(std::span<std::int32_t>)>& use) {
  const auto length = static_cast<std::size_t>(size);
  for (; images.size() > length; images = images.subspan(length)) use(images.first(length));
  use(images);
}

}  // namespace keel::tools
