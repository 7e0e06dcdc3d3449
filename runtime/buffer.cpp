#include "keel/runtime/buffer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "keel/runtime/error.hpp"

namespace keel {

Buffer::Buffer(std::size_t bytes) : size_(bytes) {
  const std::size_t rounded = std::max(aligned(bytes), alignment);
  if (rounded < bytes) throw Error{fmt::format("out of memory: {} bytes are not to be had", bytes)};
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded)));
  if (!data_) throw Error{fmt::format("out of memory: {} bytes are not to be had", bytes)};
  std::memset(data_.get(), 0, rounded);
}

}  // namespace keel
