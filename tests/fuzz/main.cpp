// The entries of libFuzzer. The first folder on the command line gets the seeds.

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <stdexcept>

#include "fuzz.hpp"
#include "keel/runtime/error.hpp"

namespace keel::fuzz {

MemoryFile::MemoryFile(std::string_view content) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
  const auto size = static_cast<ssize_t>(content.size());
  if (descriptor_ < 0 || ::write(descriptor_, content.data(), content.size()) != size)
    throw std::runtime_error{"a file in memory can't be made"};
}

MemoryFile::~MemoryFile() {
  ::close(descriptor_);
}

std::filesystem::path MemoryFile::path() const {
  return fmt::format("/proc/self/fd/{}", descriptor_);
}

std::string MemoryFile::content() const {
  std::string content;
  std::array<char, 4096> part{};
  ::lseek(descriptor_, 0, SEEK_SET);
  for (ssize_t count = 0; (count = ::read(descriptor_, part.data(), part.size())) > 0;)
    content.append(part.data(), static_cast<std::size_t>(count));
  return content;
}

}  // namespace keel::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    const std::filesystem::path folder{(*argv)[i]};
    if (folder.native().starts_with('-') || !std::filesystem::is_directory(folder)) continue;
    int number = 0;
    for (const auto& seed : keel::fuzz::seeds())
      std::ofstream{folder / fmt::format("seed-{}", ++number), std::ios::binary} << seed;
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  try {
    keel::fuzz::read({bytes, size});
  } catch (const keel::Error&) {
    // It was refused in words.
  }
  return 0;
}
