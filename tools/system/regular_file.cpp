#include "keel/tools/system/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <system_error>

#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

std::string file_trouble() {
  return std::generic_category().message(errno);
}

void require_regular(const fs::path& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) refuse(path, "is a folder, not a file");
  if (!S_ISREG(status.st_mode)) refuse(path, "is a device or a pipe, not a regular file");
}

}  // namespace

RegularFile open_regular_file(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) refuse(path, "does not exist");
    refuse(path, "can't be opened: {}", file_trouble());
  }
  require_regular(path, status);  // before it is opened, since that alone can do something to a device
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0) refuse(path, "can't be opened: {}", file_trouble());
  RegularFile result;
  result.file.reset(::fdopen(descriptor, "rb"));
  if (!result.file) {
    ::close(descriptor);
    refuse(path, "can't be opened: {}", file_trouble());
  }
  if (::fstat(descriptor, &status) != 0) refuse(path, "can't be opened: {}", file_trouble());
  require_regular(path, status);
  result.size = static_cast<std::uint64_t>(status.st_size);
  return result;
}

std::vector<std::uint8_t> read_regular_file(const fs::path& path, std::uint64_t most) {
  const auto opened = open_regular_file(path);
  if (opened.size > most) refuse(path, "has {} bytes, more than the {} that are read", opened.size, most);
  std::vector<std::uint8_t> content(static_cast<std::size_t>(opened.size));
  content.resize(std::fread(content.data(), 1, content.size(), opened.file.get()));
  if (std::ferror(opened.file.get()) != 0) refuse(path, "can't be read: {}", file_trouble());
  if (content.empty()) refuse(path, "is empty");
  return content;
}

}  // namespace keel::tools
