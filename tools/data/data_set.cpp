#include "keel/tools/data/data_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "keel/tools/data/digits.hpp"
#include "keel/tools/data/idx.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

/// The file of `folder` that is `stem` of IDX type `type`, by the first of its spellings that is there.
std::optional<fs::path> find_file(const fs::path& folder, std::string_view stem, std::string_view type) {
  for (const std::string_view suffix : {"", ".gz"}) {
    for (const char separator : {'-', '.'}) {
      auto path = folder / fmt::format("{}{}{}{}", stem, separator, type, suffix);
      std::error_code error;
      const auto status = fs::status(path, error);
      // A folder of that name is what some archives of MNIST unpack to, beside the file or around it.
      if (status.type() != fs::file_type::not_found && !fs::is_directory(status)) return path;
    }
  }
  return std::nullopt;
}

struct Files {
  fs::path train_images, train_labels, test_images, test_labels;
};

/// The four files of a data set, or a DataError that ends in `advice`.
Files find_files(const fs::path& folder, std::string_view advice) {
  std::error_code error;
  if (const auto status = fs::status(folder, error); !fs::is_directory(status)) {
    const bool missing = status.type() == fs::file_type::not_found;
    throw DataError(
        fmt::format("'{}' {}; {}", folder.string(), missing ? "does not exist" : "is not a folder", advice));
  }
  std::vector<std::string> missing;
  const auto find = [&](std::string_view stem, std::string_view type) {
    auto path = find_file(folder, stem, type);
    if (!path) missing.push_back(fmt::format("{}-{}[.gz]", stem, type));
    return path.value_or(fs::path{});
  };
  Files files{.train_images = find("train-images", "idx3-ubyte"),
              .train_labels = find("train-labels", "idx1-ubyte"),
              .test_images = find("t10k-images", "idx3-ubyte"),
              .test_labels = find("t10k-labels", "idx1-ubyte")};
  if (missing.empty()) return files;
  throw DataError(fmt::format("'{}' lacks {}; {}", folder.string(), fmt::join(missing, ", "), advice));
}

int count_classes(const ImageSet& train, const ImageSet& test) {
  return 1 + std::max(std::ranges::max(train.labels), std::ranges::max(test.labels));
}

void check_same_size(const ImageSet& train, const ImageSet& test, const fs::path& folder) {
  if (train.height == test.height && train.width == test.width) return;
  throw DataError(fmt::format("the training images in '{}' have {} x {} pixels, the test images {} x {}",
                              folder.string(), train.height, train.width, test.height, test.width));
}

DataSet load_folder(const std::string& name, const fs::path& folder, std::string_view advice) {
  const auto files = find_files(folder, advice);
  // (Deferred where there is no thread to be had.)
  auto test = std::async(std::launch::async | std::launch::deferred,
                         [&] { return read_idx_pair(files.test_images, files.test_labels); });
  DataSet data;
  data.name = name;
  data.train = read_idx_pair(files.train_images, files.train_labels);
  data.test = test.get();
  check_same_size(data.train, data.test, folder);
  data.classes = count_classes(data.train, data.test);
  if (data.classes < 2) {
    throw DataError(
        fmt::format("every label in '{}' is 0, but two classes or more are needed", folder.string()));
  }
  data.digest = digest(data.train, data.test);
  return data;
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
  return load_folder(name, name, "`--data` takes digits, mnist or a folder with the four IDX files");
}

}  // namespace keel::tools
