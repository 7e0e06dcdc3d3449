#include "keel/tools/system/outside_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

// What is done to the descriptors of a program that is started.
class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void send_errors_to(const std::filesystem::path& file) {
    ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                       0600);
  }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

std::optional<int> run_program(std::vector<std::string> arguments, const std::filesystem::path& errors) {
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  FileActions actions;
  if (!errors.empty()) actions.send_errors_to(errors);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], actions.get(), nullptr, argv.data(), environ);
  if (error == ENOENT) return std::nullopt;
  if (error != 0) {
    throw Error{
        fmt::format("'{}' can't be started: {}", arguments[0], std::generic_category().message(error))};
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace keel::tools
