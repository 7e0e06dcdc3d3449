// libFuzzer: reads its input as the images of a pair of NumPy arrays, then as the labels.

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "keel/tools/data/npy.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace {

using Bytes = std::span<const std::uint8_t>;

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void read(Bytes images, Bytes labels) {
  try {
    const auto set = keel::tools::decode_npy_pair("images.npy", images, "labels.npy", labels).set;
    const auto pixels = static_cast<std::uint64_t>(set.size() * set.height * set.width);
    if (pixels == 0 || pixels != set.pixels.size()) std::abort();
  } catch (const keel::tools::DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::string_view_literals;
  static constexpr auto images =
      "\x93NUMPY\1\0\x3B\0{'descr': '|u1', 'fortran_order': False, 'shape': (2,1,1)}\nab"sv;
  static constexpr auto labels =
      "\x93NUMPY\1\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n\0\1"sv;
  const Bytes input{data, size};
  read(input, bytes_of(labels));
  read(bytes_of(images), input);
  return 0;
}
