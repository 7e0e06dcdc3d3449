#include "keel/tools/system/output_folder.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "keel/runtime/error.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return std::generic_category().message(error);
}

// The outermost folder on the way to `path` that is not there yet; empty if there is none.
fs::path topmost_missing(fs::path path) {
  fs::path missing;
  while (!path.empty() && !fs::exists(path)) {
    missing = path;
    path = path.parent_path();
  }
  return missing;
}

// A file descriptor that closes itself.
class File {
 public:
  explicit File(const fs::path& path)
      : descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// Whether everything is safely on disk; errno tells why not.
  [[nodiscard]] bool write(std::string_view content) const {
    while (descriptor_ >= 0 && !content.empty()) {
      const auto written = ::write(descriptor_, content.data(), content.size());
      if (written < 0 && errno != EINTR) return false;
      if (written > 0) content.remove_prefix(static_cast<std::size_t>(written));
    }
    return descriptor_ >= 0 && ::fsync(descriptor_) == 0;
  }

 private:
  int descriptor_;
};

}  // namespace

OutputFolder::OutputFolder(fs::path path, bool force) : path_(std::move(path)) {
  std::error_code error;
  topmost_created_ = topmost_missing(fs::absolute(path_));
  fs::create_directories(path_, error);
  if (error) {
    throw Error{
        fmt::format("the folder '{}' for results can't be made: {}", path_.string(), error.message())};
  }
  if (::access(path_.c_str(), W_OK | X_OK) != 0) {
    throw Error{
        fmt::format("the folder '{}' for results can't be written to: {}", path_.string(), reason(errno))};
  }
  if (!force && !fs::is_empty(path_)) {
    throw UsageError{fmt::format(
        "the folder '{}' for results is not empty; name another with --out, or pass --force to write into it",
        path_.string())};
  }
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  // Only empty folders are removed, from the innermost to the one that was made first.
  for (auto folder = fs::absolute(path_); !keep_ && !topmost_created_.empty();
       folder = folder.parent_path()) {
    if (!fs::remove(folder, ignored) || folder == topmost_created_) break;
  }
}

fs::path OutputFolder::write(std::string_view name, std::string_view content) {
  fs::path path = path_ / name;
  write_file(path, content);
  keep_ = true;
  return path;
}

void write_file(const fs::path& path, std::string_view content) {
  const fs::path temporary = path.parent_path() / fmt::format(".{}.{}", path.filename().string(), ::getpid());
  const bool written = File{temporary}.write(content) && std::rename(temporary.c_str(), path.c_str()) == 0;
  if (written) return;
  const int error = errno;
  std::error_code ignored;
  fs::remove(temporary, ignored);
  throw Error{fmt::format("'{}' can't be written: {}", path.string(), reason(error))};
}

fs::path default_output_folder(std::string_view command) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fs::path{"runs"} / fmt::format("{}-{:%Y%m%d-%H%M%S}", command, fmt::gmtime(now));
}

}  // namespace keel::tools
