#include "keel/tools/commands/interrupted.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "keel/tools/system/shell_word.hpp"

namespace keel::tools {

ExitStatus end_interrupted(const Workspace& workspace, std::size_t finished, std::size_t all, bool joined) {
  if (finished > 0) {
    fmt::print(stderr,
               "keel: interrupted; {} of {} runs were finished and are kept: the same command with --out {} "
               "{} goes on\n",
               finished, all, shell_word(workspace.path().string()), joined ? "--join" : "--resume");
  } else {
    fmt::print(stderr, "keel: interrupted; 0 of {} runs were finished, so that nothing is kept\n", all);
  }
  return ExitStatus::interrupted;
}

}  // namespace keel::tools
