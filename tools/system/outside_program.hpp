#pragma once

#include <optional>
#include <string>
#include <vector>

namespace keel::tools {

/// How a program that was run ended.
struct Ended {
  int status = 0;   ///< its exit status; 128 + the signal if one ended it
  std::string out;  ///< what it wrote to standard output
};

/// Runs a program, found in PATH, and waits for it; what it says on standard error is not kept back. It finds
/// signals as programs expect them, whatever this one does with them. None when there is no such program.
/// Throws Error when it can't be started for another reason.
std::optional<Ended> run_program(std::vector<std::string> arguments);

}  // namespace keel::tools
