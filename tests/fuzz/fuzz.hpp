#pragma once

// What a file of this folder has: one reader of files, and inputs for it to begin with.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keel::fuzz {

/// Reads bytes as the reader would find them in a file. A keel::Error says that they are refused; anything
/// else that leaves this is a finding.
void read(std::span<const std::uint8_t> bytes);

/// Inputs that reach the deep parts of the reader, made anew by each start.
std::vector<std::string> seeds();

/// Bytes in memory that have a path, by which a reader opens them.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] std::filesystem::path path() const;
  /// What was written to it.
  [[nodiscard]] std::string content() const;

 private:
  int descriptor_;
};

inline std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace keel::fuzz
