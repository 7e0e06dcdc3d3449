#include "keel/tools/data/data_folder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include "keel/tools/data/idx.hpp"
#include "keel/tools/data/npy.hpp"
#include "keel/tools/data/picture_folder.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

/// A data set in one form: what it consists of, as far as the folder has it.
struct DataForm {
  std::string_view name;
  std::vector<fs::path> found;       ///< training images, training labels, test images, test labels
  std::vector<std::string> missing;  ///< what the others would be called
};

/// The first of these names that the folder has.
std::optional<fs::path> find_file(const fs::path& folder, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    std::error_code error;
    const auto status = fs::status(folder / name, error);
    // A folder of that name is what some archives of MNIST unpack to, beside the file or around it.
    if (status.type() != fs::file_type::not_found && !fs::is_directory(status)) return folder / name;
  }
  return std::nullopt;
}

void look_for(DataForm& form, const fs::path& folder, const std::vector<std::string>& names,
              std::string missing) {
  if (auto path = find_file(folder, names))
    form.found.push_back(std::move(*path));
  else
    form.missing.push_back(std::move(missing));
}

DataForm idx_form(const fs::path& folder) {
  DataForm form{.name = "IDX files"};
  for (const auto& [stem, type] :
       std::array<std::pair<std::string_view, std::string_view>, 4>{{{"train-images", "idx3-ubyte"},
                                                                     {"train-labels", "idx1-ubyte"},
                                                                     {"t10k-images", "idx3-ubyte"},
                                                                     {"t10k-labels", "idx1-ubyte"}}}) {
    std::vector<std::string> names;
    for (const std::string_view suffix : {"", ".gz"})
      for (const char separator : {'-', '.'})
        names.push_back(fmt::format("{}{}{}{}", stem, separator, type, suffix));
    look_for(form, folder, names, fmt::format("{}-{}[.gz]", stem, type));
  }
  return form;
}

DataForm npy_form(const fs::path& folder) {
  DataForm form{.name = "NumPy arrays"};
  for (const std::string_view stem : {"train-images", "train-labels"}) {
    const auto name = fmt::format("{}.npy", stem);
    look_for(form, folder, {name}, name);
  }
  for (const std::string_view stem : {"images", "labels"}) {
    const auto name = fmt::format("test-{}.npy", stem);
    look_for(form, folder, {name, fmt::format("t10k-{}.npy", stem)}, name);
  }
  return form;
}

DataForm picture_form(const fs::path& folder) {
  DataForm form{.name = "pictures by class"};
  for (const char* const part : {"train", "test"}) {
    std::error_code error;
    if (fs::is_directory(folder / part, error))
      form.found.push_back(folder / part);
    else
      form.missing.push_back(fmt::format("{}/", part));
  }
  return form;
}

/// The one form that `folder` has.
DataForm choose_form(const fs::path& folder, std::string_view advice) {
  std::error_code error;
  if (const auto status = fs::status(folder, error); !fs::is_directory(status)) {
    const bool missing = status.type() == fs::file_type::not_found;
    refuse(folder, "{}; {}", missing ? "does not exist" : "is not a folder", advice);
  }
  if (const fs::directory_iterator entries{folder, error}; error)
    refuse(folder, "can't be read: {}", error.message());
  if (::access(folder.c_str(), X_OK) != 0)
    refuse(folder, "can't be read: {}", std::generic_category().message(errno));
  std::array forms{idx_form(folder), npy_form(folder), picture_form(folder)};
  const auto whole = [](const DataForm& form) { return form.missing.empty(); };
  auto* chosen = std::ranges::find_if(forms, whole);
  if (chosen != forms.end()) {
    const auto* const other = std::find_if(chosen + 1, forms.end(), whole);
    if (other == forms.end()) return std::move(*chosen);
    refuse(folder, "holds two data sets, {} and {}; keep each in a folder of its own", chosen->name,
           other->name);
  }
  // Of what was begun, most: that is what was meant.
  chosen = std::ranges::max_element(forms, {}, [](const DataForm& form) { return form.found.size(); });
  if (!chosen->found.empty()) refuse(folder, "lacks {}; {}", fmt::join(chosen->missing, ", "), advice);
  refuse(folder, "holds no data set; {}", advice);
}

/// Training and test set, side by side.
template <class Read>
auto read_both(const DataForm& form, Read read) {
  // (Deferred where there is no thread to be had.)
  auto test = std::async(std::launch::async | std::launch::deferred,
                         [&] { return read(form.found[2], form.found[3]); });
  auto train = read(form.found[0], form.found[1]);
  return std::pair{std::move(train), test.get()};
}

int classes_of(const ImageSet& train) {
  return 1 + std::ranges::max(train.labels);
}

}  // namespace

FolderContent read_data_folder(const fs::path& folder, std::string_view advice) {
  const auto form = choose_form(folder, advice);
  FolderContent content;
  auto& [data, notes] = content;
  if (form.name == "pictures by class") {
    notes = read_picture_folder(folder, data);
    return content;
  }
  if (form.name == "IDX files") {
    std::tie(data.train, data.test) = read_both(form, read_idx_pair);
  } else {
    auto [train, test] = read_both(form, read_npy_pair);
    for (auto* pair : {&train, &test})
      if (!pair->note.empty()) notes.push_back(std::move(pair->note));
    data.train = std::move(train.set);
    data.test = std::move(test.set);
  }
  data.classes = classes_of(data.train);
  return content;
}

}  // namespace keel::tools
