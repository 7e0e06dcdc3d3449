#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "keel/models/safetensors.hpp"
#include "keel/runtime/shape.hpp"

#pragma GCC visibility push(hidden)

namespace keel::detail {

// What reading and writing of safetensors have in common.

/// Bytes of the header's length, which a file begins with.
inline constexpr std::size_t length_bytes = 8;
inline constexpr const char* metadata_key = "__metadata__";

/// What elements are called in a file, and what they are read as unless asked otherwise.
struct SafetensorsType {
  std::string_view name;
  DType dtype;
  std::size_t bytes;  // an element
};
inline constexpr std::array safetensors_types{
    SafetensorsType{"F32", DType::f32, 4}, SafetensorsType{"F64", DType::f64, 8},
    SafetensorsType{"I32", DType::s32, 4}, SafetensorsType{"U8", DType::u8, 1},
    SafetensorsType{"I64", DType::s32, 8}, SafetensorsType{"F16", DType::f32, 2},
    SafetensorsType{"BF16", DType::f32, 2}};

/// The name among the file's texts under which its checksum stands, behind the name of the algorithm.
inline constexpr const char* checksum_key = "checksum";
inline constexpr std::string_view checksum_algorithm = "fnv1a-64:";
inline constexpr std::string_view no_checksum = "0000000000000000";

/// The 64-bit FNV-1a hash (Fowler, Noll and Vo) of bytes: never the same when one byte is another.
class Checksum {
 public:
  void add(std::span<const std::byte> bytes);
  /// 16 hexadecimal digits.
  [[nodiscard]] std::string text() const;

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325U;
};

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// What a header says, each array of it within `value_bytes`. One that is nested deeper than the format has
/// it is not even parsed. Throws Error, naming `path`, for anything else than such a header.
SafetensorsHeader parse_header(const std::filesystem::path& path, const std::string& text,
                               std::uint64_t value_bytes);

/// Whether a header can hold it.
bool is_utf8(std::string_view text);

/// Values lie in memory as they do in a file: throws Error, naming it, where they don't.
void require_little_endian(const std::filesystem::path& path);

/// Throws the Error that the file can't be loaded, and why.
[[noreturn]] void fail_to_load(const std::filesystem::path& path, std::string_view why);

}  // namespace keel::detail

#pragma GCC visibility pop
