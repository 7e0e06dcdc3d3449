#include "keel/tools/data/idx.hpp"

#include "fuzz.hpp"
#include "keel/tools/data/gzip.hpp"
#include "keel/tools/data/idx_writer.hpp"

namespace keel::fuzz {
namespace {

// Two files as one input: the length of the first in two bytes, both files.
std::string pair_of(const std::string& images, const std::string& labels) {
  const auto length = images.size();
  return std::string{static_cast<char>(length & 0xFFU), static_cast<char>(length >> 8U & 0xFFU)} + images +
         labels;
}

std::string header(char sizes, std::initializer_list<char> lengths) {
  std::string bytes{'\0', '\0', '\x08', sizes};
  for (const char length : lengths) bytes += std::string{'\0', '\0', '\0', length};
  return bytes;
}

}  // namespace

void read(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 2) return;
  const auto rest = text_of(bytes.subspan(2));
  const auto length = std::min<std::size_t>(bytes[0] + 256U * bytes[1], rest.size());
  const MemoryFile images{rest.substr(0, length)};
  const MemoryFile labels{rest.substr(length)};
  const auto set = tools::read_idx_pair(images.path(), labels.path());
  if (static_cast<std::int64_t>(set.pixels.size()) != set.size() * set.height * set.width) __builtin_trap();
}

std::vector<std::string> seeds() {
  const tools::ImageSet set{
      .height = 2, .width = 3, .pixels = std::vector<std::uint8_t>(24, 9), .labels = {0, 1, 2, 3}};
  const auto images = header(3, {4, 2, 3}) + std::string(24, '\x55');
  const auto labels = header(1, {4}) + std::string{'\0', '\x01', '\x02', '\x03'};
  return {pair_of(images, labels), pair_of(tools::gzipped_idx_images(set), tools::gzipped_idx_labels(set)),
          pair_of(images, tools::gzipped_idx_labels(set)), pair_of(labels, images)};
}

}  // namespace keel::fuzz
