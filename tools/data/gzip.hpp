#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace keel::tools {

/// What a file holds, unpacked if it is gzipped, which its content tells, not its name.
///
/// Throws DataError, naming the file and the fault, if it is missing, empty, unreadable, damaged or
/// incomplete, or if something else follows its gzip data.
class UnpackedFile {
 public:
  explicit UnpackedFile(const std::filesystem::path& path);
  /// The same for what would be the content of a file; errors call it `name`.
  UnpackedFile(const std::filesystem::path& name, std::string_view content);
  ~UnpackedFile();
  UnpackedFile(const UnpackedFile&) = delete;
  UnpackedFile& operator=(const UnpackedFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] bool is_gzip() const;
  /// The length of the content; for gzip, which is known only once it is read, an upper bound.
  [[nodiscard]] std::uint64_t bound() const;

  /// Fills `out` as far as the content goes and returns how far that was. The checksum of the content is
  /// verified when a call reaches its end, that is when one returns less than asked for.
  std::size_t read(std::span<std::uint8_t> out);

 private:
  class File;
  class Gunzip;
  explicit UnpackedFile(std::unique_ptr<File> file);

  std::unique_ptr<File> file_;
  std::unique_ptr<Gunzip> gunzip_;  // none if the file is not gzipped
};

/// The parts, one after the other, as a gzip file (RFC 1952) without name or time, so that the same parts and
/// zlib give the same bytes.
std::string gzip(std::initializer_list<std::span<const std::uint8_t>> parts);

}  // namespace keel::tools
