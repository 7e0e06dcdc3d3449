#pragma once

#include "keel/runtime/error.hpp"

namespace keel::tools {

/// What the program returns to the shell.
enum class ExitStatus : int { done = 0, failed = 1, usage = 2, data = 3, interrupted = 130 };

/// A command line that asks for what can't be: exit status 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Input data that is missing or bad: exit status 3.
class DataError : public Error {
 public:
  using Error::Error;
};

}  // namespace keel::tools
