#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace keel {

/// Bytes to which every buffer and every value in an arena is aligned: a cache line, and a 512-bit vector.
inline constexpr std::size_t alignment = 64;

/// `bytes` rounded up to a multiple of `alignment`.
constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Arrays at the same offset from the start of a page get in each other's way when a loop walks them side by
/// side: processors tell a load from an earlier store by the address within a page first. Buffers that are
/// walked together are therefore given different offsets.
enum class PageOffset : std::uint16_t { none = 0, quarter = 1024, half = 2048, three_quarters = 3072 };

namespace detail {

/// Gives memory back to where it was had from.
struct ReleaseMemory {
  void* mapping = nullptr;  // of the system's; null for memory of the C library
  std::size_t mapped = 0;
  void operator()(std::byte* memory) const;
};

}  // namespace detail

/// An owned, zeroed block of memory, aligned to `alignment`; a large one lies on huge pages where the system
/// has them. One that was moved from is empty.
class Buffer {
 public:
  Buffer() = default;
  /// Starts `offset` bytes after that of a page. Throws Error when the memory can't be had.
  explicit Buffer(std::size_t bytes, PageOffset offset = PageOffset::none);
  Buffer(Buffer&& other) noexcept
      : memory_(std::move(other.memory_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken{std::move(other)};  // from itself too, which leaves it as it was
    std::swap(memory_, taken.memory_);
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() = default;

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  using Memory = std::unique_ptr<std::byte, detail::ReleaseMemory>;

  static Memory ordinary_pages(std::size_t bytes);
  static Memory huge_pages(std::size_t bytes);

  Memory memory_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace keel
