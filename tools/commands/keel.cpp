// The keel program: runs a command, turns exceptions into a sentence and an exit status.

#include <cstdio>
#include <exception>

#include "keel/tools/commands/command_line.hpp"

namespace {

using keel::tools::ExitStatus;

int fail(const char* what, ExitStatus status) {
  std::fprintf(stderr, "keel: %s\n", what);
  return static_cast<int>(status);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return static_cast<int>(keel::tools::run_command_line(argc, argv));
  } catch (const keel::tools::UsageError& error) {
    return fail(error.what(), ExitStatus::usage);
  } catch (const keel::tools::DataError& error) {
    return fail(error.what(), ExitStatus::data);
  } catch (const std::exception& error) {
    return fail(error.what(), ExitStatus::failed);
  }
}
