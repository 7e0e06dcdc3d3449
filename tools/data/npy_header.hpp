#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace keel::tools {

/// An array of a .npy file as its header describes it.
struct NpyHeader {
  char kind = 0;          ///< of elements, as in NumPy: 'u' and 'i' integers, 'f' floats
  std::size_t width = 0;  ///< bytes an element: 1, 2, 4 or 8
  bool big_endian = false;
  bool fortran_order = false;  ///< the first index runs fastest
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;   ///< the product of the shape
  std::size_t data_offset = 0;  ///< where the elements begin

  /// "('<f4', (60000, 28, 28))"
  [[nodiscard]] std::string text() const;
};

/// The longest header that is read, with what stands before it.
inline constexpr std::size_t longest_npy_start = 10'012;

/// Reads the header of a .npy file (NumPy Enhancement Proposal 1; versions 1 to 3) from its beginning, and
/// checks that the file is as long as the header says. Throws DataError, naming the file and the fault. Types
/// other than integers and floats are refused.
NpyHeader read_npy_header(const std::filesystem::path& name, std::span<const std::uint8_t> start,
                          std::uint64_t file_size);

}  // namespace keel::tools
