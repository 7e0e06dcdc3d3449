// The keel program.

#include "keel/tools/commands/command_line.hpp"
#include "keel/tools/commands/program.hpp"

int main(int argc, char** argv) {
  return keel::tools::run_program([&] { return keel::tools::run_command_line(argc, argv); });
}
