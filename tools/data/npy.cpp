#include "keel/tools/data/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "keel/tools/data/npy_header.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/system/regular_file.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

constexpr std::uint64_t most_npy_bytes = std::uint64_t{1} << 36;

/// An array: its header and its elements in the order of their bytes.
class NpyArray {
 public:
  NpyArray(const fs::path& name, Bytes content)
      : name_(name),
        header_(read_npy_header(name, content, content.size())),
        data_(content.subspan(header_.data_offset)) {}

  [[nodiscard]] const fs::path& name() const { return name_; }
  [[nodiscard]] const NpyHeader& header() const { return header_; }
  [[nodiscard]] const std::vector<std::uint64_t>& shape() const { return header_.shape; }
  [[nodiscard]] Bytes data() const { return data_; }

  /// The bits of the element at a place in the file.
  [[nodiscard]] std::uint64_t bits(std::size_t place) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < header_.width; ++i) {
      const auto from = header_.big_endian ? i : header_.width - 1 - i;
      value = value << 8 | data_[place * header_.width + from];
    }
    return value;
  }

  [[nodiscard]] double real(std::size_t place) const {
    if (header_.width == 8) return std::bit_cast<double>(bits(place));
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits(place)));
  }

 private:
  const fs::path& name_;
  NpyHeader header_;
  Bytes data_;
};

/// Where a file in Fortran order holds the elements, which are asked for in C order.
class NpyPlaces {
 public:
  explicit NpyPlaces(const NpyHeader& header)
      : shape_(header.shape), index_(shape_.size()), strides_(shape_.size()) {
    std::uint64_t stride = 1;
    for (std::size_t i = 0; i < shape_.size(); ++i) {
      const auto axis = header.fortran_order ? i : shape_.size() - 1 - i;
      strides_[axis] = stride;
      stride *= shape_[axis];
    }
  }

  /// The place of the next element.
  std::size_t next() {
    const auto place = place_;
    for (std::size_t axis = shape_.size(); axis-- > 0;) {
      place_ += strides_[axis];
      if (++index_[axis] < shape_[axis]) break;
      place_ -= strides_[axis] * shape_[axis];
      index_[axis] = 0;
    }
    return static_cast<std::size_t>(place);
  }

 private:
  std::vector<std::uint64_t> shape_;
  std::vector<std::uint64_t> index_;
  std::vector<std::uint64_t> strides_;
  std::uint64_t place_ = 0;
};

struct NpyImageSize {
  std::uint64_t height, width;
};

std::uint64_t whole_square_root(std::uint64_t value) {
  const auto root = static_cast<std::uint64_t>(std::llround(std::sqrt(static_cast<double>(value))));
  return root * root == value ? root : 0;
}

NpyImageSize image_size(const NpyArray& array) {
  const auto& shape = array.shape();
  if (array.header().elements == 0) refuse(array.name(), "holds no data: it is {}", array.header().text());
  if (shape.size() == 3) return {shape[1], shape[2]};
  if (shape.size() == 4 && shape[3] == 1) return {shape[1], shape[2]};
  if (shape.size() == 4 && shape[1] == 1) return {shape[2], shape[3]};
  if (shape.size() == 2) {
    if (const auto side = whole_square_root(shape[1])) return {side, side};
    refuse(array.name(), "is {}: rows of {} pixels are no square; reshape it to (N, height, width)",
           array.header().text(), shape[1]);
  }
  if (shape.size() == 4 && (shape[1] == 3 || shape[3] == 3))
    refuse(array.name(), "is {}: colour images, where grey ones are needed", array.header().text());
  refuse(array.name(),
         "is {}, where grey images have the shape (N, height, width), (N, height, width, 1), (N, 1, height, "
         "width) or (N, pixels)",
         array.header().text());
}

/// What rounding real values to 256 levels did.
struct Rounding {
  std::uint64_t values = 0;
  double most = 0;  // of 255
};

// A level k / 255 in 32 bits is this close to k when it is multiplied by 255, and much closer.
constexpr double as_near_as_floats = 1e-4;

std::uint8_t level_of(const NpyArray& array, std::size_t place, Rounding& rounding) {
  const double value = array.real(place);
  if (!(value >= 0 && value <= 1)) {
    refuse(array.name(), "has a pixel of {}, where floats must lie from 0 (black) to 1 (white){}", value,
           value > 1 && value <= 255 ? "; divide it by 255, or save it as uint8" : "");
  }
  const double level = std::round(255 * value);
  if (const double error = std::abs(255 * value - level); error > as_near_as_floats) {
    ++rounding.values;
    rounding.most = std::max(rounding.most, error);
  }
  return static_cast<std::uint8_t>(level);
}

std::string note_on(const NpyArray& array, const Rounding& rounding) {
  if (rounding.values == 0) return {};
  return fmt::format(
      "'{}': pixels are kept as 256 levels of grey, for which {} of {} values were rounded, by up to {:.5f}",
      array.name().string(), rounding.values, array.header().elements, rounding.most / 255);
}

std::vector<std::uint8_t> npy_pixels(const NpyArray& array, Rounding& rounding) {
  const auto& header = array.header();
  const bool bytes = header.kind == 'u' && header.width == 1;
  if (!bytes && header.kind != 'f')
    refuse(array.name(), "is {}, where images are of uint8 or float32; convert it with astype",
           header.text());
  if (bytes && !header.fortran_order) return {array.data().begin(), array.data().end()};
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(header.elements));
  NpyPlaces places{header};
  for (auto& pixel : pixels) {
    const auto place = places.next();
    pixel = bytes ? array.data()[place] : level_of(array, place, rounding);
  }
  return pixels;
}

std::vector<std::uint8_t> npy_labels(const NpyArray& array) {
  const auto& header = array.header();
  const auto& shape = header.shape;
  if (header.kind == 'f')
    refuse(array.name(), "is {}, where labels are integers; convert it with astype", header.text());
  if (shape.size() != 1 && !(shape.size() == 2 && shape[1] == 1))
    refuse(array.name(), "is {}, where labels have the shape (N,)", header.text());
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(header.elements));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto bits = array.bits(i);
    if (bits > std::numeric_limits<std::uint8_t>::max() ||
        (header.kind == 'i' && header.width == 1 && bits > 127)) {
      const auto unused = 64 - 8 * static_cast<int>(header.width);
      const auto value = static_cast<std::int64_t>(bits << unused) >> unused;
      refuse(array.name(), "has the label {} at {}, where labels are from 0 to 255",
             header.kind == 'i' ? fmt::format("{}", value) : fmt::format("{}", bits), i);
    }
    labels[i] = static_cast<std::uint8_t>(bits);
  }
  return labels;
}

/// All of a file, after its header has been seen to fit its length.
std::vector<std::uint8_t> read_npy_file(const fs::path& path) {
  {
    const auto opened = open_regular_file(path);
    std::array<std::uint8_t, longest_npy_start> start{};
    const auto count = std::fread(start.data(), 1, start.size(), opened.file.get());
    if (count == 0) refuse(path, "is empty");
    read_npy_header(path, std::span{start}.first(count), opened.size);
  }
  return read_regular_file(path, most_npy_bytes);
}

}  // namespace

NpyPair decode_npy_pair(const fs::path& images_name, Bytes images, const fs::path& labels_name,
                        Bytes labels) {
  const NpyArray pixels{images_name, images};
  const NpyArray classes{labels_name, labels};
  const auto size = image_size(pixels);
  NpyPair pair;
  pair.set.labels = npy_labels(classes);
  if (pixels.shape()[0] != pair.set.labels.size()) {
    refuse(images_name, "holds {} images, but '{}' holds {} labels; they don't belong together",
           pixels.shape()[0], labels_name.string(), pair.set.labels.size());
  }
  Rounding rounding;
  pair.set.height = static_cast<std::int64_t>(size.height);
  pair.set.width = static_cast<std::int64_t>(size.width);
  pair.set.pixels = npy_pixels(pixels, rounding);
  pair.note = note_on(pixels, rounding);
  return pair;
}

NpyPair read_npy_pair(const fs::path& images, const fs::path& labels) {
  const auto pixels = read_npy_file(images);
  return decode_npy_pair(images, pixels, labels, read_npy_file(labels));
}

}  // namespace keel::tools
