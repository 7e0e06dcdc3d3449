// libFuzzer: reads its input as a PNG file, once as it is and once with the checksums of its chunks made right, so
// that what lies behind them is reached.

#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "keel/tools/data/png.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace {

std::uint32_t number_of(std::span<const std::uint8_t> bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

void mend_checksums(std::span<std::uint8_t> file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length = number_of(file.subspan(at));
    if (length > file.size() - at - 12) return;
    const auto named = file.subspan(at + 4, 4 + length);
    const auto sum = crc32_z(0, named.data(), named.size());
    for (std::size_t i = 0; i < 4; ++i)
      file[at + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i) & 0xFF);
    at += 12 + length;
  }
}

void read(std::span<const std::uint8_t> content) {
  try {
    const auto image = keel::tools::decode_png("fuzz.png", content);
    const auto size = static_cast<std::uint64_t>(image.height) * static_cast<std::uint64_t>(image.width);
    if (size == 0 || size != image.pixels.size()) std::abort();
  } catch (const keel::tools::DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> content(data, data + size);
  read(content);
  mend_checksums(content);
  read(content);
  return 0;
}
