#include "keel/tools/data/idx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/tools/data/gzip.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

/// What a file must hold, with the magic number that says so: 0x08 for unsigned bytes, then the number of
/// sizes.
enum class IdxKind : std::uint32_t { labels = 0x801, images = 0x803 };

std::string_view name(IdxKind kind) {
  return kind == IdxKind::images ? "images" : "labels";
}

std::string_view element_type(std::uint32_t code) {
  constexpr std::array<std::string_view, 7> types{"unsigned bytes",  "signed bytes",    "",
                                                  "16-bit integers", "32-bit integers", "32-bit floats",
                                                  "64-bit floats"};
  return code >= 0x08 && code - 0x08 < types.size() ? types[code - 0x08] : "";
}

std::uint32_t read_big_endian(UnpackedFile& file) {
  std::array<std::uint8_t, 4> bytes{};
  if (file.read(bytes) < bytes.size()) refuse(file.path(), "ends within its IDX header; fetch it again");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

void check_magic(const fs::path& path, std::uint32_t found, IdxKind kind) {
  const auto expected = static_cast<std::uint32_t>(kind);
  if (found == expected) return;
  const auto numbers = fmt::format("(magic number {:#010x}, expected {:#010x})", found, expected);
  const IdxKind other = kind == IdxKind::images ? IdxKind::labels : IdxKind::images;
  if (found == static_cast<std::uint32_t>(other)) {
    refuse(path, "holds {}, not {} {}; are two files swapped?", name(other), name(kind), numbers);
  }
  const auto type = element_type(found >> 8);
  if (type.empty()) refuse(path, "is not an IDX file of {} {}", name(kind), numbers);
  refuse(path, "is a {}-dimensional array of {}, where {} are a {}-dimensional one of unsigned bytes {}",
         found & 0xFF, type, name(kind), expected & 0xFF, numbers);
}

/// The product of `sizes`, unless it exceeds `bound`.
std::optional<std::uint64_t> product_within(std::span<const std::uint32_t> sizes, std::uint64_t bound) {
  std::uint64_t product = 1;
  for (const auto size : sizes) {
    if (product > bound / size) return std::nullopt;
    product *= size;
  }
  return product;
}

/// An array of bytes with its sizes, as an IDX file holds it.
struct Array {
  std::vector<std::uint32_t> sizes;
  std::vector<std::uint8_t> data;
};

/// Reads `length` bytes and makes sure that nothing follows. Memory grows with what was really read.
std::vector<std::uint8_t> read_data(UnpackedFile& file, std::uint64_t length, std::string_view sizes) {
  std::vector<std::uint8_t> data;
  std::size_t found = 0;
  while (found < length && found == data.size()) {
    const auto next_size = std::max<std::size_t>(2 * found, std::size_t{1} << 20);
    data.resize(static_cast<std::size_t>(std::min<std::uint64_t>(length, next_size)));
    found += file.read(std::span{data}.subspan(found));
  }
  if (found < length) {
    refuse(file.path(), "is cut short: its header announces {} bytes of data, but {} follow; fetch it again",
           sizes, found);
  }
  // Read to the very end, since damaged gzip can look too long until its checksum tells.
  std::array<std::uint8_t, 4096> rest;
  std::uint64_t extra = 0;
  while (const auto count = file.read(rest)) extra += count;
  if (extra > 0)
    refuse(file.path(), "goes on for {} bytes after the {} that its header announces", extra, sizes);
  return data;
}

Array read_idx(const fs::path& path, IdxKind kind) {
  UnpackedFile file{path};
  check_magic(path, read_big_endian(file), kind);
  Array array;
  const auto dimensions = static_cast<std::uint32_t>(kind) & 0xFF;
  for (std::uint32_t i = 0; i < dimensions; ++i) array.sizes.push_back(read_big_endian(file));

  const auto sizes = fmt::format("{}", fmt::join(array.sizes, " x "));
  if (std::ranges::count(array.sizes, 0U) > 0) refuse(path, "holds no data: its sizes are {}", sizes);
  const auto room = file.bound() - std::min<std::uint64_t>(file.bound(), 4 + 4 * dimensions);
  const auto length = product_within(array.sizes, room);
  if (!length) {
    refuse(path, "is cut short or has a bad header: it announces {} bytes of data, but {} {}; fetch it again",
           sizes, file.is_gzip() ? "can't hold more than" : "holds", room);
  }
  array.data = read_data(file, *length, sizes);
  return array;
}

}  // namespace

ImageSet read_idx_pair(const fs::path& images, const fs::path& labels) {
  auto pixels = read_idx(images, IdxKind::images);
  auto classes = read_idx(labels, IdxKind::labels);
  if (pixels.sizes[0] != classes.sizes[0]) {
    refuse(images, "holds {} images, but '{}' holds {} labels; they don't belong together", pixels.sizes[0],
           labels.string(), classes.sizes[0]);
  }
  return {.height = pixels.sizes[1],
          .width = pixels.sizes[2],
          .pixels = std::move(pixels.data),
          .labels = std::move(classes.data)};
}

ImageSet read_idx_images(const fs::path& path) {
  auto pixels = read_idx(path, IdxKind::images);
  return {.height = pixels.sizes[1],
          .width = pixels.sizes[2],
          .pixels = std::move(pixels.data),
          .labels = std::vector<std::uint8_t>(pixels.sizes[0])};
}

}  // namespace keel::tools
