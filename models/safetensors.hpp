#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "keel/runtime/buffer.hpp"
#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// Files of the format "safetensors" (github.com/huggingface/safetensors): the length of a header in 8 bytes,
// little-endian; the header, a JSON object that gives for each name its "dtype", "shape" and "data_offsets",
// begin and end within what follows, and under "__metadata__" an object of texts; then the values,
// little-endian and row-major, side by side. Of element types, F32, F64, I32 and U8 are read as they are, I64
// as s32, f32 or f64, F16 and BF16 as f32. Files of keel's have a checksum of all their bytes among the texts.

/// An array to be written.
struct NamedTensor {
  std::string name;
  Tensor tensor;
  bool as_i64 = false;  ///< floating-point numbers that count something, to be written as I64
};

/// Writes a file, whole or not at all: see `write_file`. Throws Error with the file and the reason when that
/// can't be done, or when it could not be read back: a name that two arrays have, that the format has another
/// use for, or that is not UTF-8.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata);

/// An array of a file, by its header.
struct SafetensorsEntry {
  std::string dtype;  // as the format calls it
  Shape shape;
  std::uint64_t begin = 0;  // of its values, in bytes
  std::uint64_t end = 0;

  /// The type of the elements without a conversion, or with the natural one; none where keel has none.
  [[nodiscard]] std::optional<DType> natural_dtype() const;
  [[nodiscard]] bool can_be_read_as(DType wanted) const;
};

namespace detail {
class SafetensorsSource;
}

/// A file, of which the header was read: every length in it has been checked against the file's size. The
/// values come after it, once it is known that they are wanted, since a header can claim any amount of them
/// at no cost.
class Safetensors {
 public:
  /// Throws Error, naming the file and what is wrong with it.
  explicit Safetensors(std::filesystem::path path);

  /// Reads the values, once, and checks all bytes by the checksum, if the file has one. Throws Error as above.
  void read_values();
  /// `accept` decides by the header; then the values are read. What it throws is thrown after it was made
  /// sure that the file is not damaged, which is the better reason, unless it is a large one.
  void read_values_if(const std::function<void()>& accept);

  [[nodiscard]] const std::map<std::string, SafetensorsEntry>& entries() const { return entries_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The values, once read, of an array that can be read as `dtype`. Only its bytes are to be looked at,
  /// since it need not be aligned. Throws Error for an I64 that does not fit into s32.
  [[nodiscard]] Tensor tensor(const std::string& name, DType dtype) const;

  /// Throws the Error that the file can't be loaded, and why.
  [[noreturn]] void fail(std::string_view why) const;

 private:
  void require_side_by_side(std::uint64_t value_bytes) const;

  std::filesystem::path path_;
  std::map<std::string, SafetensorsEntry> entries_;
  std::map<std::string, std::string> metadata_;
  std::shared_ptr<const detail::SafetensorsSource> source_;  // at the values, until these were read
  std::string header_;                                       // with its length in front
  std::uint64_t value_bytes_ = 0;
  std::shared_ptr<Buffer> values_;
};

}  // namespace keel

#pragma GCC visibility pop
