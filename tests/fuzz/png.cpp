#include "keel/tools/data/png.hpp"

#include <zlib.h>

#include "fuzz.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::fuzz {
namespace {

std::uint32_t number_of(std::span<const std::uint8_t> bytes) {
  return std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U | std::uint32_t{bytes[2]} << 8U |
         bytes[3];
}

// So that what lies behind the checksums is reached.
void mend_checksums(std::span<std::uint8_t> file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length = number_of(file.subspan(at));
    if (length > file.size() - at - 12) return;
    const auto named = file.subspan(at + 4, 4 + length);
    const auto sum = crc32_z(0, named.data(), named.size());
    for (std::size_t i = 0; i < 4; ++i)
      file[at + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i) & 0xFFU);
    at += 12 + length;
  }
}

void read_png_bytes(std::span<const std::uint8_t> content) {
  try {
    const auto image = tools::decode_png("fuzz.png", content);
    const auto size = image.height * image.width;
    if (size <= 0 || size != static_cast<std::int64_t>(image.pixels.size())) __builtin_trap();
  } catch (const tools::DataError&) {
    // It is read once more with other checksums.
  }
}

}  // namespace

void read(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> content(bytes.begin(), bytes.end());
  read_png_bytes(content);
  mend_checksums(content);
  read_png_bytes(content);
}

std::vector<std::string> seeds() {
  const tools::GreyImage image{.height = 3, .width = 4, .pixels = std::vector<std::uint8_t>(12, 77)};
  const auto grey = tools::encode_png(image);
  std::vector<std::string> result{grey};
  // The same with other types of colour, depths and interlacing: their checksums are made right when they are read.
  for (const char type : {'\0', '\2', '\3', '\4', '\6'}) {
    for (const char depth : {'\1', '\2', '\4', '\x08', '\x10'}) {
      for (const char interlaced : {'\0', '\1'}) {
        result.push_back(grey);
        result.back()[24] = depth;
        result.back()[25] = type;
        result.back()[28] = interlaced;
      }
    }
  }
  return result;
}

}  // namespace keel::fuzz
