#include "keel/runtime/write_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <system_error>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

namespace fs = std::filesystem;
using Parts = std::span<const std::span<const std::byte>>;

// A file descriptor that closes itself, and leaves errno alone.
class File {
 public:
  File(const fs::path& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    const int error = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    errno = error;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

  // Whether all was written; errno tells why not.
  [[nodiscard]] bool write(Parts parts) const {
    return std::ranges::all_of(parts, [&](const auto part) { return this->write(part); });
  }

 private:
  [[nodiscard]] bool write(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const auto count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) return false;
      if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }

  int descriptor_;
};

struct Target {
  fs::path path;
  bool by_descriptor = false;  // one of a process's own open files, such as /dev/stdout
};

// What `path` leads to, whether it is there or not; none, with errno, where links go round in a circle.
std::optional<Target> behind_links(fs::path path) {
  constexpr int most_links = 40;  // as the kernel has it
  std::error_code error;
  for (int i = 0; i < most_links; ++i) {
    if (!fs::is_symlink(fs::symlink_status(path, error))) return Target{path};
    const auto folder = fs::canonical(path.parent_path().empty() ? "." : path.parent_path(), error);
    if (folder.native().starts_with("/proc/")) return Target{path, true};
    path = path.parent_path() / fs::read_symlink(path, error);
  }
  errno = ELOOP;
  return std::nullopt;
}

// Into what is there and stays: without waiting for someone who reads a pipe.
bool write_in_place(const fs::path& path, Parts parts) {
  const File file{path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY};
  if (!file.is_open()) return false;
  const int flags = ::fcntl(file.descriptor(), F_GETFL);
  return ::fcntl(file.descriptor(), F_SETFL, flags & ~O_NONBLOCK) == 0 && file.write(parts);
}

bool write_temporary(const fs::path& path, std::optional<mode_t> mode, Parts parts) {
  const File file{path, O_WRONLY | O_CREAT | O_EXCL};
  return file.is_open() && (!mode || ::fchmod(file.descriptor(), *mode) == 0) && file.write(parts) &&
         ::fsync(file.descriptor()) == 0;
}

// So that the rename outlasts a loss of power too, on file systems that can promise it.
bool flush_folder(const fs::path& folder) {
  const File file{folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY};
  return !file.is_open() || ::fsync(file.descriptor()) == 0 || errno == EINVAL || errno == ENOTSUP;
}

bool replace(const fs::path& path, std::optional<mode_t> mode, Parts parts) {
  static std::atomic<std::uint64_t> count{0};  // threads may write one file at a time
  constexpr std::size_t longest_name = 200;    // that leaves room for the numbers
  const auto folder = path.parent_path();
  const auto name = path.filename().string().substr(0, longest_name);
  const auto temporary = folder / fmt::format(".{}.{}.{}", name, ::getpid(), ++count);
  std::error_code ignored;
  fs::remove(temporary, ignored);  // of an earlier process with this number
  if (write_temporary(temporary, mode, parts) && std::rename(temporary.c_str(), path.c_str()) == 0)
    return flush_folder(folder);
  const int error = errno;
  fs::remove(temporary, ignored);
  errno = error;
  return false;
}

bool write(const fs::path& path, Parts parts) {
  const auto target = behind_links(path);
  if (!target) return false;
  struct stat status {};
  const bool exists = ::stat(target->path.c_str(), &status) == 0;
  if (target->by_descriptor || (exists && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)))
    return write_in_place(target->path, parts);
  constexpr mode_t permissions = 0777;
  return replace(target->path, exists ? std::optional{status.st_mode & permissions} : std::nullopt, parts);
}

}  // namespace

void write_file(const fs::path& path, Parts parts) {
  if (write(path, parts)) return;
  const int error = errno;
  throw Error{fmt::format("'{}' can't be written: {}", path.string(),
                          error == ENXIO ? "it is a pipe or socket that nobody reads from"
                                         : std::generic_category().message(error))};
}

}  // namespace keel
