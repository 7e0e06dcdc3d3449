#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "temporary_folder.hpp"

namespace keel::test {

// A folder of the test's own, removed at its end.
struct Folder {
  [[nodiscard]] std::filesystem::path model() const { return path / "model.safetensors"; }

  TemporaryFolder temporary;
  std::filesystem::path path = temporary.path();
};

inline std::string read(const std::filesystem::path& path) {
  std::ifstream stream{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{stream}, {}};
}

inline void write(const std::filesystem::path& path, const std::string& content) {
  std::ofstream{path, std::ios::binary} << content;
}

inline std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator{folder}, std::filesystem::directory_iterator{}));
}

}  // namespace keel::test
