#include "keel/runtime/buffer.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t huge_page = std::size_t{2} << 20U;

// What a step works on at a time often just fits the second-level cache. On ordinary pages, which lie
// anywhere, parts of it then displace each other while the rest of the cache lies idle: a sweep over
// parameters was seen to take three times as long, or not, from one start of a program to the next.
constexpr std::size_t worth_huge_pages = std::size_t{256} << 10U;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

Buffer::Memory Buffer::ordinary_pages(std::size_t bytes) {
  return {static_cast<std::byte*>(std::aligned_alloc(page, rounded_up(bytes, page))), {}};
}

// Huge pages are a wish: where it is not granted, these are ordinary ones.
Buffer::Memory Buffer::huge_pages(std::size_t bytes) {
  // More than is needed, since the system aligns to ordinary pages; what lies around is never touched.
  const std::size_t mapped = rounded_up(bytes, huge_page) + huge_page;
  void* start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return {};
  void* aligned_start = start;
  std::size_t space = mapped;
  std::align(huge_page, rounded_up(bytes, huge_page), aligned_start, space);
  madvise(aligned_start, rounded_up(bytes, huge_page), MADV_HUGEPAGE);
  return {static_cast<std::byte*>(aligned_start), {start, mapped}};
}

void detail::ReleaseMemory::operator()(std::byte* memory) const {
  if (mapping == nullptr)
    std::free(memory);
  else
    munmap(mapping, mapped);
}

Buffer::Buffer(std::size_t bytes, PageOffset offset) : size_(bytes) {
  const auto gap = static_cast<std::size_t>(offset);
  if (bytes <= std::numeric_limits<std::size_t>::max() / 2) {
    memory_ =
        bytes < worth_huge_pages ? ordinary_pages(gap + std::max(bytes, alignment)) : huge_pages(gap + bytes);
  }
  if (!memory_)
    throw Error{fmt::format("out of memory: the system does not give {}", counted(bytes, "byte"))};
  data_ = memory_.get() + gap;
  std::memset(data_, 0, bytes);
}

}  // namespace keel
