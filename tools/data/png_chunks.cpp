#include "keel/tools/data/png_chunks.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "keel/tools/data/png.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

constexpr std::array<std::uint8_t, 8> png_signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t chunk_frame = 12;  // length, name and checksum
constexpr std::size_t header_length = 13;
constexpr std::uint32_t longest_side = 1'000'000;

bool begins_with(Bytes content, std::string_view text) {
  return content.size() >= text.size() &&
         std::ranges::equal(content.first(text.size()), text, {}, {},
                            [](char c) { return static_cast<std::uint8_t>(c); });
}

std::uint32_t png_number_at(Bytes content, std::size_t at) {
  const auto byte = [&](std::size_t i) { return std::uint32_t{content[at + i]}; };
  return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

void check_signature(const fs::path& name, Bytes content) {
  using namespace std::string_view_literals;
  if (starts_like_png(content)) return;
  if (content.empty()) refuse(name, "is empty");
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> others{{{"\xFF\xD8\xFF"sv, "JPEG"},
                                                                                 {"GIF8"sv, "GIF"},
                                                                                 {"BM"sv, "BMP"},
                                                                                 {"RIFF"sv, "WebP"},
                                                                                 {"II*\0"sv, "TIFF"},
                                                                                 {"MM\0*"sv, "TIFF"},
                                                                                 {"\x8AMNG"sv, "MNG"}}};
  for (const auto& [start, format] : others)
    if (begins_with(content, start)) refuse(name, "is a {} file, but only PNG is read: convert it", format);
  if (begins_with(content, "\x89PNG"sv)) {
    refuse(name, "is {}; fetch it again",
           content.size() < png_signature.size() ? "cut short: it ends within the signature of PNG"
                                                 : "damaged: its line ends were changed, as in a text");
  }
  refuse(name, "is not a PNG file: it lacks the signature of PNG at its beginning");
}

struct PngChunk {
  std::string_view name;
  Bytes data;
};

bool is_chunk_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// The chunk that begins at `at`.
PngChunk png_chunk_at(const fs::path& name, Bytes content, std::size_t at) {
  const auto room = content.size() - at;
  if (room == 0) refuse(name, "is cut short: it ends without an IEND chunk; fetch it again");
  if (room < chunk_frame) refuse(name, "is cut short: it ends within a chunk; fetch it again");
  const auto length = png_number_at(content, at);
  const std::string_view type{reinterpret_cast<const char*>(&content[at + 4]), 4};
  if (!std::ranges::all_of(type, is_chunk_letter))
    refuse(name, "is damaged: no chunk begins at byte {}, where one should; fetch it again", at);
  if (length > room - chunk_frame) {
    refuse(name, "is cut short or damaged: its {} chunk announces {} bytes, but {} follow; fetch it again",
           type, length, room - chunk_frame);
  }
  const Bytes named = content.subspan(at + 4, 4 + std::size_t{length});
  if (crc32_z(0, named.data(), named.size()) != png_number_at(content, at + 8 + length))
    refuse(name, "is damaged: the checksum of its {} chunk does not match; fetch it again", type);
  return {type, named.subspan(4)};
}

/// At least so many bits a pixel; no less than one, whatever the header says.
std::uint64_t bits_per_pixel(std::uint8_t depth, std::uint8_t colour_type) {
  constexpr std::array<std::uint64_t, 7> channels{1, 1, 3, 1, 2, 1, 4};
  return std::max<std::uint64_t>(depth, 1) * (colour_type < channels.size() ? channels[colour_type] : 1);
}

PngHeader read_png_header(const fs::path& name, const PngChunk& chunk, std::size_t file_size) {
  if (chunk.name != "IHDR") refuse(name, "is damaged: it begins with a {} chunk, not IHDR", chunk.name);
  if (chunk.data.size() != header_length)
    refuse(name, "is damaged: its IHDR chunk has {} bytes, not {}", chunk.data.size(), header_length);
  const PngHeader header{.width = png_number_at(chunk.data, 0),
                         .height = png_number_at(chunk.data, 4),
                         .interlaced = chunk.data[12] != 0};
  if (header.width == 0 || header.height == 0)
    refuse(name, "has no pixels: its size is {} x {}", header.height, header.width);
  const auto pixels = std::uint64_t{header.width} * header.height;
  if (pixels > most_png_pixels || std::max(header.width, header.height) > longest_side) {
    refuse(name, "has {} x {} pixels, where {} in all and {} a side are the most that are read",
           header.height, header.width, most_png_pixels, longest_side);
  }
  constexpr std::uint64_t best_deflate = 1032;  // two bits or more for 258 bytes or less
  if (pixels * bits_per_pixel(chunk.data[8], chunk.data[9]) / 8 > best_deflate * file_size) {
    refuse(name,
           "is cut short or has a bad header: {} x {} pixels do not fit into its {} bytes; fetch it again",
           header.height, header.width, file_size);
  }
  return header;
}

}  // namespace

bool starts_like_png(Bytes content) {
  return content.size() >= png_signature.size() &&
         std::ranges::equal(content.first(png_signature.size()), png_signature);
}

PngHeader check_png_chunks(const fs::path& name, Bytes content) {
  check_signature(name, content);
  std::size_t at = png_signature.size();
  PngHeader header;
  for (PngChunk chunk; chunk.name != "IEND"; at += chunk_frame + chunk.data.size()) {
    chunk = png_chunk_at(name, content, at);
    if (at == png_signature.size()) header = read_png_header(name, chunk, content.size());
    if (chunk.name == "acTL") refuse(name, "is an animation (APNG), where a single picture is needed");
  }
  if (at < content.size()) refuse(name, "goes on for {} bytes after its end", content.size() - at);
  return header;
}

}  // namespace keel::tools
