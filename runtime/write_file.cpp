#include "keel/runtime/write_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

namespace fs = std::filesystem;

// A file descriptor that closes itself.
class File {
 public:
  explicit File(const fs::path& path)
      : descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {}
  ~File() {
    const int error = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    errno = error;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Whether everything is safely on disk; errno tells why not.
  [[nodiscard]] bool write(std::span<const std::span<const std::byte>> parts) const {
    if (descriptor_ < 0) return false;
    for (const auto part : parts)
      if (!write(part)) return false;
    return ::fsync(descriptor_) == 0;
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

}  // namespace

void write_file(const fs::path& path, std::span<const std::span<const std::byte>> parts) {
  const fs::path temporary = path.parent_path() / fmt::format(".{}.{}", path.filename().string(), ::getpid());
  const bool written = File{temporary}.write(parts) && std::rename(temporary.c_str(), path.c_str()) == 0;
  if (written) return;
  const int error = errno;
  std::error_code ignored;
  fs::remove(temporary, ignored);
  throw Error{
      fmt::format("'{}' can't be written: {}", path.string(), std::generic_category().message(error))};
}

}  // namespace keel
