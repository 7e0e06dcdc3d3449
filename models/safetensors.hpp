#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// Files of the format "safetensors" (github.com/huggingface/safetensors): the length of a header in 8 bytes,
// little-endian; the header, a JSON object that gives for each name its "dtype" (F32, F64, I32 or U8),
// "shape" and "data_offsets", begin and end within what follows, and under "__metadata__" an object of texts;
// then the values, little-endian and row-major, side by side.

/// An array to be written.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Writes a file, whole or not at all: under another name beside it, flushed to disk and renamed. Throws
/// Error with the file and the reason when that can't be done, or when it could not be read back: a name that
/// two arrays have, that the format has another use for, or that is not UTF-8.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata);

/// A file that was read. Every length in it has been checked against the file's size.
class Safetensors {
 public:
  struct Entry {
    ValueType type;
    std::uint64_t begin = 0;  ///< of its values, in bytes
    std::uint64_t end = 0;
  };

  /// Reads and checks the header. Throws Error, naming the file and what is wrong with it.
  explicit Safetensors(const std::filesystem::path& path);
  ~Safetensors();
  Safetensors(const Safetensors&) = delete;
  Safetensors& operator=(const Safetensors&) = delete;

  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The values of all arrays. To be called once.
  [[nodiscard]] std::vector<std::byte> read_values() const;

  /// Throws the Error that the file can't be loaded, and why.
  [[noreturn]] void fail(std::string_view why) const;

 private:
  class Header;

  void read(std::span<std::byte> bytes) const;
  std::string read_header(std::uint64_t file_size);
  void require_side_by_side() const;

  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t value_bytes_ = 0;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace keel

#pragma GCC visibility pop
