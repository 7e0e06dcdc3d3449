#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#pragma GCC visibility push(hidden)

namespace keel {

/// Writes a file, the parts one after the other, whole or not at all: into a temporary file beside it, flushed
/// to disk, then renamed, and the folder flushed as well. A file that is replaced hands its permissions on. A
/// symbolic link is followed: what it leads to is written, and the link stays. What is not a regular file, such
/// as a device or a pipe, is written to where it is, and never replaced. Throws Error, with the path as it was
/// given, when that fails.
///
/// The first time that a process writes into a folder it removes temporary files there that processes left
/// which were killed.
void write_file(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);

/// Removes temporary files of `write_file` whose writers have ended: nobody holds the lock on them. What
/// can't be removed stays.
void remove_abandoned_files(const std::filesystem::path& folder);

}  // namespace keel

#pragma GCC visibility pop
