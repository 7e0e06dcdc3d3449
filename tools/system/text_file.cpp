#include "keel/tools/system/text_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

// Closes the descriptor of an open file.
class OpenTextFile {
 public:
  // Opening a pipe without O_NONBLOCK would wait for its writer.
  explicit OpenTextFile(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~OpenTextFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenTextFile(const OpenTextFile&) = delete;
  OpenTextFile& operator=(const OpenTextFile&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

std::string read_text_file(const std::filesystem::path& path, std::uint64_t most) {
  const auto fail = [&](int error) {
    if (error == ENOENT) refuse(path, "does not exist");
    refuse(path, "can't be read: {}", std::generic_category().message(error));
  };
  const OpenTextFile file{path};
  if (file.descriptor() < 0) fail(errno == ENXIO ? ENOTSUP : errno);
  struct stat status {};
  if (::fstat(file.descriptor(), &status) != 0) fail(errno);
  if (S_ISDIR(status.st_mode)) refuse(path, "is a folder, not a file");
  if (!S_ISREG(status.st_mode)) refuse(path, "is a device or a pipe, not a regular file");
  std::string text;
  std::string part(std::size_t{1} << 16, '\0');
  for (;;) {
    const auto count = ::read(file.descriptor(), part.data(), part.size());
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno);
    text.append(part, 0, static_cast<std::size_t>(count));
    if (text.size() > most)
      refuse(path, "has more than {} bytes, which nothing that keel writes there has", most);
  }
}

}  // namespace keel::tools
