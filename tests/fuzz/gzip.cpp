#include "keel/tools/data/gzip.hpp"

#include <array>

#include "fuzz.hpp"

namespace keel::fuzz {

void read(std::span<const std::uint8_t> bytes) {
  tools::UnpackedFile file{"it", text_of(bytes)};
  std::array<std::uint8_t, 5000> part{};
  std::uint64_t length = 0;
  while (const auto count = file.read(part)) {
    length += count;
    if (length > file.bound()) __builtin_trap();
  }
}

std::vector<std::string> seeds() {
  const std::vector<std::uint8_t> flat(70'000, 7);
  std::vector<std::uint8_t> mixed;
  for (unsigned i = 0; i < 3000; ++i) mixed.push_back(static_cast<std::uint8_t>(i * i * 2654435761U >> 13U));
  const auto packed = tools::gzip({flat});
  return {packed, tools::gzip({mixed}), packed + tools::gzip({mixed, flat}), tools::gzip({}), "plain"};
}

}  // namespace keel::fuzz
