#include "keel/tools/data/data_set.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "keel/tools/data/class_checks.hpp"
#include "keel/tools/data/data_folder.hpp"
#include "keel/tools/data/digits.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

void check_same_size(const ImageSet& train, const ImageSet& test, const fs::path& folder) {
  if (train.height == test.height && train.width == test.width) return;
  throw DataError(fmt::format("the training images in '{}' have {} x {} pixels, the test images {} x {}",
                              folder.string(), train.height, train.width, test.height, test.width));
}

/// Says something worth knowing that is no error. A standard error that can't be written to is none either.
void say_note(const std::string& note) {
  std::fputs(fmt::format("keel: note: {}\n", note).c_str(), stderr);
}

DataSet load_folder(const std::string& name, const fs::path& folder, std::string_view advice) {
  auto [data, notes] = read_data_folder(folder, advice);
  data.name = name;
  check_same_size(data.train, data.test, folder);
  check_labels(data, folder);
  if (auto note = empty_classes_note(data); !note.empty()) notes.push_back(std::move(note));
  data.digest = digest(data.train, data.test);
  for (const auto& note : notes) say_note(note);
  return std::move(data);
}

/// The folder that an environment variable names. The specification has relative ones ignored.
std::optional<fs::path> absolute_folder(const char* variable) {
  const char* const value = std::getenv(variable);
  if (value == nullptr || !fs::path{value}.is_absolute()) return std::nullopt;
  return value;
}

}  // namespace

fs::path mnist_folder() {
  if (const auto cache = absolute_folder("XDG_CACHE_HOME")) return *cache / "keel" / "mnist";
  if (const auto home = absolute_folder("HOME")) return *home / ".cache" / "keel" / "mnist";
  throw DataError("no folder to look for MNIST in: neither XDG_CACHE_HOME nor HOME is set; say `--data DIR`");
}

DataSet load_data_set(const std::string& name) {
  if (name == "digits") return make_digits();
  if (name == "mnist") {
    return load_folder(name, mnist_folder(),
                       "`keel data mnist` fetches MNIST, `--data DIR` names another folder");
  }
  return load_folder(
      name, name,
      "`--data` takes digits, mnist or a folder with the four IDX files "
      "(train-images-idx3-ubyte[.gz], ...), with four NumPy arrays (train-images.npy, ...), or "
      "with PNG pictures by class (train/CLASS/*.png, test/CLASS/*.png)");
}

}  // namespace keel::tools
