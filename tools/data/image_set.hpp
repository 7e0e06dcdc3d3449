#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace keel::tools {

/// Grey images of one size with a label each, as the bytes of their files.
struct ImageSet {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;  ///< size() * height * width, row by row, 0 black to 255 white
  std::vector<std::uint8_t> labels;  ///< one an image

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
  /// The bytes of image `index`.
  [[nodiscard]] std::span<const std::uint8_t> image(std::int64_t index) const {
    const auto length = static_cast<std::size_t>(height * width);
    return std::span{pixels}.subspan(static_cast<std::size_t>(index) * length, length);
  }
};

/// A data set ready for training: what `--data` names.
struct DataSet {
  std::string name;    ///< "digits", "mnist" or the folder
  std::string digest;  ///< SHA-256 in hexadecimal, see `digest`
  int classes = 0;     ///< one more than the largest label
  /// What the classes are called, by label; none where they are numbers.
  std::vector<std::string> class_names;
  ImageSet train;
  ImageSet test;
};

/// What to call a class in a message: its number, or its name in quotation marks.
std::string class_text(const DataSet& data, int label);

/// SHA-256, in hexadecimal, of the uncompressed images and labels: of the training images' bytes, then the
/// training labels', the test images' and the test labels', headers left out.
std::string digest(const ImageSet& train, const ImageSet& test);

}  // namespace keel::tools
