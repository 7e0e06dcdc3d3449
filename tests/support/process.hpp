#pragma once

#include <filesystem>
#include <string>

#include "temporary_folder.hpp"

namespace keel::test {

/// What a program left behind.
struct Finished {
  int status = 0;  ///< its exit status; 128 + the signal if one ended it
  std::string out;
  std::string err;
};

/// Runs a shell command in `folder` and waits for it.
Finished run_command(const std::string& command, const std::filesystem::path& folder);

/// Runs the keel program with these arguments, as the shell reads them.
Finished run_keel(const std::string& arguments, const std::filesystem::path& folder);

/// The whole of a file.
std::string read_file(const std::filesystem::path& path);

/// Root of keel's sources.
std::filesystem::path source_root();

}  // namespace keel::test
