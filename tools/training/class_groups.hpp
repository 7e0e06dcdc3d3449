#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace keel::tools {

/// Puts images, given by their numbers, in the order of their labels; those of one class stay in theirs.
void sort_by_class(std::span<std::int32_t> images, std::span<const std::uint8_t> labels);

/// Hands each `size` successive images to `use`, in the end what is left.
void for_each_batch(std::span<std::int32_t> images, std::int64_t size,
                    const std::function<void(std::span<std::int32_t>)>& use);

}  // namespace keel::tools
