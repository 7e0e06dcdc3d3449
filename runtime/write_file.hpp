#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#pragma GCC visibility push(hidden)

namespace keel {

/// Writes a file, the parts one after the other, whole or not at all: into a temporary file beside it, then
/// renamed. Throws Error when that fails.
void write_file(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);

}  // namespace keel

#pragma GCC visibility pop
