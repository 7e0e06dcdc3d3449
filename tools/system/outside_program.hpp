#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace keel::tools {

/// Runs a program, found in PATH, and waits for it. Returns its exit status, 128 + the signal if one ended it;
/// none when there is no such program. What it writes to standard error goes to the file `errors`, if one is
/// named. Throws Error when it can't be started for another reason.
std::optional<int> run_program(std::vector<std::string> arguments, const std::filesystem::path& errors = {});

}  // namespace keel::tools
