#include "keel/tools/data/npy.hpp"

#include "fuzz.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::fuzz {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const std::uint8_t>;

constexpr auto two_images =
    "\x93NUMPY\1\0\x3B\0{'descr': '|u1', 'fortran_order': False, 'shape': (2,1,1)}\nab"sv;
constexpr auto two_labels =
    "\x93NUMPY\1\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n\0\1"sv;

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void read_pair(Bytes images, Bytes labels) {
  try {
    const auto set = tools::decode_npy_pair("images.npy", images, "labels.npy", labels).set;
    const auto pixels = set.size() * set.height * set.width;
    if (pixels <= 0 || pixels != static_cast<std::int64_t>(set.pixels.size())) __builtin_trap();
  } catch (const tools::DataError&) {
    // It is read once more as the other of a pair.
  }
}

}  // namespace

void read(std::span<const std::uint8_t> bytes) {
  read_pair(bytes, bytes_of(two_labels));
  read_pair(bytes_of(two_images), bytes);
}

std::vector<std::string> seeds() {
  return {
      std::string{two_images}, std::string{two_labels},
      std::string{
          "\x93NUMPY\2\0\x3B\0\0\0{'descr': '<f4', 'fortran_order': True , 'shape': (2,1,1)}\n\0\0\0\0\0\0\x80\x3F"sv},
      std::string{
          "\x93NUMPY\3\0\x38\0\0\0{'descr': '>i4', 'fortran_order': False, 'shape': (2,)}\n\0\0\0\0\0\0\0\1"sv}};
}

}  // namespace keel::fuzz
