#include "keel/runtime/write_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

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

constexpr std::string_view temporary_mark = ".keel-";

// A file that its writer holds a lock on, until it is renamed or the writer has ended.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& path) : file_(path, O_WRONLY | O_CREAT | O_EXCL) {
    if (file_.is_open()) ::flock(file_.descriptor(), LOCK_EX);
  }

  // Whether it is there, and nobody has removed it before it was locked.
  [[nodiscard]] bool is_there() const {
    struct stat status {};
    return file_.is_open() && ::fstat(file_.descriptor(), &status) == 0 && status.st_nlink > 0;
  }

  [[nodiscard]] bool write(std::optional<mode_t> mode, Parts parts) const {
    return (!mode || ::fchmod(file_.descriptor(), *mode) == 0) && file_.write(parts) &&
           ::fsync(file_.descriptor()) == 0;
  }

 private:
  File file_;
};

// Whether a name is that of a temporary file: ".NAME.keel-PROCESS-COUNT".
bool is_temporary(std::string_view name) {
  const auto mark = name.rfind(temporary_mark);
  if (!name.starts_with('.') || mark == std::string_view::npos) return false;
  const auto numbers = name.substr(mark + temporary_mark.size());
  const auto between = numbers.find('-');
  return between != std::string_view::npos && between > 0 && between + 1 < numbers.size() &&
         numbers.find_first_not_of("0123456789-") == std::string_view::npos && numbers.rfind('-') == between;
}

// So that the rename outlasts a loss of power too, on file systems that can promise it.
bool flush_folder(const fs::path& folder) {
  const File file{folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY};
  return !file.is_open() || ::fsync(file.descriptor()) == 0 || errno == EINVAL || errno == ENOTSUP;
}

// Once for each folder that this process writes to.
void clear_once(const fs::path& folder) {
  static std::mutex mutex;
  static std::set<fs::path> cleared;
  {
    const std::scoped_lock lock{mutex};
    if (!cleared.insert(folder).second) return;
  }
  remove_abandoned_files(folder);
}

enum class Replaced : std::uint8_t { yes, no, name_taken };

// By a file that is written under another name; errno tells why not.
Replaced replace_by(const fs::path& temporary, const fs::path& path, std::optional<mode_t> mode,
                    Parts parts) {
  errno = 0;
  const TemporaryFile file{temporary};
  if (!file.is_there()) return errno == 0 || errno == EEXIST ? Replaced::name_taken : Replaced::no;
  if (file.write(mode, parts) && std::rename(temporary.c_str(), path.c_str()) == 0) return Replaced::yes;
  const int error = errno;
  std::error_code ignored;
  fs::remove(temporary, ignored);
  errno = error;
  return Replaced::no;
}

bool replace(const fs::path& path, std::optional<mode_t> mode, Parts parts) {
  static std::atomic<std::uint64_t> count{0};  // threads may write one file at a time
  constexpr std::size_t longest_name = 200;    // that leaves room for the numbers
  const auto folder = path.parent_path();
  clear_once(folder.empty() ? "." : folder);
  const auto name = path.filename().string().substr(0, longest_name);
  auto replaced = Replaced::name_taken;
  // Taken by an earlier process with this number, or removed by another before it was locked.
  for (int i = 0; i < 1000 && replaced == Replaced::name_taken; ++i) {
    const auto temporary = folder / fmt::format(".{}{}{}-{}", name, temporary_mark, ::getpid(), ++count);
    replaced = replace_by(temporary, path, mode, parts);
  }
  return replaced == Replaced::yes && flush_folder(folder);
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

void remove_abandoned_files(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry{folder, error}, end; !error && entry != end; entry.increment(error))
    if (is_temporary(entry->path().filename().native())) found.push_back(entry->path());
  for (const auto& path : found) {
    const File file{path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK};
    struct stat status {};
    const bool abandoned = file.is_open() && ::fstat(file.descriptor(), &status) == 0 &&
                           S_ISREG(status.st_mode) && ::flock(file.descriptor(), LOCK_EX | LOCK_NB) == 0;
    if (abandoned) fs::remove(path, error);
  }
}

void write_file(const fs::path& path, Parts parts) {
  if (write(path, parts)) return;
  const int error = errno;
  throw Error{fmt::format("'{}' can't be written: {}", path.string(),
                          error == ENXIO ? "it is a pipe or socket that nobody reads from"
                                         : std::generic_category().message(error))};
}

}  // namespace keel
