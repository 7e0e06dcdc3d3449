#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

namespace keel::tools {

/// Closes a file of the C library.
struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// A regular file, open for reading.
struct RegularFile {
  std::unique_ptr<std::FILE, CloseFile> file;
  std::uint64_t size = 0;  ///< in bytes
};

/// Opens a file, without waiting for anyone. Throws DataError, naming the file and the fault, if it is
/// missing, a folder, a device, a pipe or a socket, or can't be opened.
RegularFile open_regular_file(const std::filesystem::path& path);

/// All bytes of a file. Throws DataError as `open_regular_file` does, and if it can't be read, is empty or
/// has more than `most` bytes, which is checked before any are read.
std::vector<std::uint8_t> read_regular_file(const std::filesystem::path& path, std::uint64_t most);

}  // namespace keel::tools
