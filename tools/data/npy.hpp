#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// Images and labels of two NumPy arrays, and what is worth saying about them.
struct NpyPair {
  ImageSet set;
  std::string note;  ///< a sentence on values that were rounded; empty if none were
};

/// Reads images and their labels from two files in NumPy's format (.npy, versions 1 to 3; C or Fortran order,
/// little or big endian).
///
/// Images are grey, of shape (N, height, width), (N, height, width, 1), (N, 1, height, width), or (N, P)
/// where P is a square number; of unsigned bytes, 0 black to 255 white, or of 32- or 64-bit floats from 0
/// black to 1 white, of which the nearest of 256 levels is kept. Labels are (N) or (N, 1) integers of any
/// width from 0 to 255.
///
/// Throws DataError, naming the file and the fault, if one is missing, damaged, of another length than its
/// header says, of another kind (Python objects are never read) or shape, if a value is out of range or not
/// finite, or if the files hold different numbers of images and labels.
NpyPair read_npy_pair(const std::filesystem::path& images, const std::filesystem::path& labels);

/// The same for what would be the content of the files; errors call them `images_name` and `labels_name`.
NpyPair decode_npy_pair(const std::filesystem::path& images_name, std::span<const std::uint8_t> images,
                        const std::filesystem::path& labels_name, std::span<const std::uint8_t> labels);

}  // namespace keel::tools
