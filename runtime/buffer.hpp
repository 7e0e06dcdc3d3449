#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace keel {

/// Bytes to which every buffer and every value in an arena is aligned: a cache line, and a 512-bit vector.
inline constexpr std::size_t alignment = 64;

/// `bytes` rounded up to a multiple of `alignment`.
constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// An owned, zeroed block of memory, aligned to `alignment`.
class Buffer {
 public:
  Buffer() = default;
  /// Throws Error when the memory can't be had.
  explicit Buffer(std::size_t bytes);

  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* data) const { std::free(data); }
  };

  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace keel
