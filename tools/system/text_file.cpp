#include "keel/tools/system/text_file.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "keel/tools/system/refuse.hpp"
#include "keel/tools/system/regular_file.hpp"

namespace keel::tools {

std::string read_text_file(const std::filesystem::path& path, std::uint64_t most) {
  const auto opened = open_regular_file(path);
  std::string text;
  std::string part(std::size_t{1} << 16, '\0');
  // To its end, wherever that is now: files of /proc state no size.
  while (const auto count = std::fread(part.data(), 1, part.size(), opened.file.get())) {
    text.append(part, 0, count);
    if (text.size() > most)
      refuse(path, "has more than {} bytes, which nothing that keel writes there has", most);
  }
  if (std::ferror(opened.file.get()) != 0)
    refuse(path, "can't be read: {}", std::generic_category().message(errno));
  return text;
}

}  // namespace keel::tools
