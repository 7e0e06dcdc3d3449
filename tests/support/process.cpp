#include "process.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace keel::test {
namespace {

std::string required_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr)
    throw std::runtime_error{fmt::format("{} is not set; run the tests with meson test", name)};
  return value;
}

}  // namespace

Finished run_command(const std::string& command, const std::filesystem::path& folder) {
  const TemporaryFolder captured;
  const auto out = captured.path() / "out";
  const auto err = captured.path() / "err";
  const auto line = fmt::format("cd '{}' && ( {} ) >'{}' 2>'{}' </dev/null", folder.string(), command,
                                out.string(), err.string());
  const int status = std::system(line.c_str());
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), read_file(out), read_file(err)};
}

Finished run_keel(const std::string& arguments, const std::filesystem::path& folder) {
  return run_command(fmt::format("'{}' {}", required_variable("KEEL_PROGRAM"), arguments), folder);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::filesystem::path source_root() {
  return required_variable("KEEL_SOURCE_ROOT");
}

}  // namespace keel::test
