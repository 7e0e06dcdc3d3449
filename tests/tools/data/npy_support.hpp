#pragma once

#include <fmt/format.h>

#include <bit>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/data/npy.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::test {

using keel::tools::DataError;
using keel::tools::NpyPair;
using namespace std::string_literals;

/// A .npy file with this header and data.
inline std::string npy_file(const std::string& header, const std::string& data, int version = 1) {
  std::string file = "\x93NUMPY"s + static_cast<char>(version) + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) file += static_cast<char>(header.size() >> 8 * i & 0xFF);
  return file + header + data;
}

inline std::string npy_dictionary(const std::string& type, const std::string& shape,
                                  bool fortran_order = false) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}   \n", type,
                     fortran_order ? "True" : "False", shape);
}

inline std::string npy(const std::string& type, const std::string& shape, const std::string& data) {
  return npy_file(npy_dictionary(type, shape), data);
}

/// The bytes of numbers, each `width` bytes long.
inline std::string numbers(std::initializer_list<std::int64_t> values, int width, bool big_endian = false) {
  std::string bytes;
  for (const auto value : values) {
    for (int i = 0; i < width; ++i)
      bytes += static_cast<char>(value >> 8 * (big_endian ? width - 1 - i : i) & 0xFF);
  }
  return bytes;
}

inline std::string floats(std::initializer_list<float> values, bool big_endian = false) {
  std::string bytes;
  for (const float value : values) bytes += numbers({std::bit_cast<std::int32_t>(value)}, 4, big_endian);
  return bytes;
}

inline NpyPair decode_pair(std::string_view images, std::string_view labels) {
  const auto bytes = [](std::string_view text) {
    return std::span{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  };
  return tools::decode_npy_pair("images.npy", bytes(images), "labels.npy", bytes(labels));
}

inline const std::string two_labels = npy("|u1", "(2,)", "\3\7");
inline const std::string two_images = npy("|u1", "(2, 2, 3)", "abcdefABCDEF");

inline std::vector<std::uint8_t> pixels_of(const std::string& images) {
  return decode_pair(images, two_labels).set.pixels;
}

inline std::vector<std::uint8_t> bytes_of_text(std::string_view text) {
  return {text.begin(), text.end()};
}

inline void check_pair_fault(std::string_view images, std::string_view labels, std::string_view text) {
  std::string found;
  try {
    decode_pair(images, labels);
  } catch (const DataError& error) {
    found = error.what();
  }
  BOOST_TEST(found.find(text) != found.npos, fmt::format("{:?} is not in {:?}", text, found));
}

inline void check_image_fault(std::string_view images, const std::string& text) {
  check_pair_fault(images, two_labels, "'images.npy' " + text);
}

inline void check_label_fault(std::string_view labels, const std::string& text) {
  check_pair_fault(two_images, labels, "'labels.npy' " + text);
}

}  // namespace keel::test
