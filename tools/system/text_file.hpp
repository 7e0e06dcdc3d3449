#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace keel::tools {

/// The whole of a regular file. Throws DataError, naming the file and the fault, for one that is missing,
/// can't be read, is a folder, a device or a pipe (which is not waited for), or has more than `most` bytes.
std::string read_text_file(const std::filesystem::path& path, std::uint64_t most = std::uint64_t{1} << 30);

}  // namespace keel::tools
