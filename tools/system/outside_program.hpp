#pragma once

#include <optional>
#include <string>
#include <vector>

namespace keel::tools {

/// Runs a program, found in PATH, and waits for it. Returns its exit status, 128 + the signal if one ended it;
/// none when there is no such program. Throws Error when it can't be started for another reason.
std::optional<int> run_program(std::vector<std::string> arguments);

}  // namespace keel::tools
