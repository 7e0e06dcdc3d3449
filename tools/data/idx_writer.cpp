#include "keel/tools/data/idx_writer.hpp"

#include <initializer_list>
#include <span>
#include <vector>

#include "keel/tools/data/gzip.hpp"

namespace keel::tools {
namespace {

/// A magic number that tells unsigned bytes and the number of sizes, then each size; all big-endian.
std::vector<std::uint8_t> header(std::initializer_list<std::int64_t> sizes) {
  std::vector<std::uint8_t> bytes{0, 0, 0x08, static_cast<std::uint8_t>(sizes.size())};
  for (const auto size : sizes) {
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(size >> shift & 0xFF));
  }
  return bytes;
}

}  // namespace

std::string gzipped_idx_images(const ImageSet& set) {
  return gzip({header({set.size(), set.height, set.width}), set.pixels});
}

std::string gzipped_idx_labels(const ImageSet& set) {
  return gzip({header({set.size()}), set.labels});
}

}  // namespace keel::tools
