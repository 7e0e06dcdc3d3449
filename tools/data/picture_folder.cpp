#include "keel/tools/data/picture_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "keel/tools/data/png.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_class_folders = 256;

/// The names in a folder that are not hidden, in the order of their bytes.
std::vector<std::string> visible_names(const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry{folder, error}; !error && entry != fs::directory_iterator{};
       entry.increment(error)) {
    auto name = entry->path().filename().string();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  if (error) refuse(folder, "can't be read: {}", error.message());
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> class_folders(const fs::path& folder) {
  auto names = visible_names(folder);
  for (const auto& name : names) {
    std::error_code error;
    if (!fs::is_directory(folder / name, error))
      refuse(folder / name, "is not a folder of a class; pictures lie in {}/CLASS/", folder.string());
  }
  return names;
}

bool is_whole_number(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// The label that a name is: a whole number below 256.
std::optional<std::uint8_t> label_named(std::string_view name) {
  std::uint8_t label = 0;
  const auto* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, label);
  if (!is_whole_number(name) || error != std::errc{} || stop != end) return std::nullopt;
  return label;
}

/// By value if both are numbers.
bool in_number_order(std::string_view a, std::string_view b) {
  const auto digits = [](std::string_view name) {
    return name.substr(std::min(name.find_first_not_of('0'), name.size()));
  };
  const auto key = [&](std::string_view name) { return std::pair{digits(name).size(), digits(name)}; };
  return key(a) != key(b) ? key(a) < key(b) : a < b;
}

/// The names of classes and their labels.
struct ClassLabels {
  std::map<std::string, std::uint8_t> labels;
  std::vector<std::string> names;  ///< by label; none if the names are the labels
  std::size_t classes = 0;
};

void require_distinct_numbers(const fs::path& part, const std::vector<std::string>& names) {
  std::map<std::uint8_t, std::string> seen;
  for (const auto& name : names) {
    const auto [other, is_new] = seen.emplace(label_named(name).value(), name);
    if (!is_new) refuse(part, "has classes '{}' and '{}', which are one number", other->second, name);
  }
}

ClassLabels labels_by_number(const std::set<std::string>& all) {
  ClassLabels result;
  for (const auto& name : all) {
    const auto label = label_named(name).value();
    result.labels[name] = label;
    result.classes = std::max<std::size_t>(result.classes, label + std::size_t{1});
  }
  return result;
}

ClassLabels label_classes(const fs::path& folder, std::vector<std::string> train,
                          std::vector<std::string> test) {
  std::set<std::string> all{train.begin(), train.end()};
  all.insert(test.begin(), test.end());
  if (std::ranges::all_of(all, [](const auto& name) { return label_named(name).has_value(); })) {
    require_distinct_numbers(folder / "train", train);
    require_distinct_numbers(folder / "test", test);
    return labels_by_number(all);
  }
  if (all.size() > most_class_folders)
    refuse(folder, "has {} classes, where {} are the most that are read", all.size(), most_class_folders);
  std::erase_if(test, [&](const auto& name) { return std::ranges::binary_search(train, name); });
  if (std::ranges::all_of(all, is_whole_number))
    for (auto* names : {&train, &test}) std::ranges::sort(*names, in_number_order);
  ClassLabels result{.names = std::move(train)};
  result.names.insert(result.names.end(), test.begin(), test.end());
  result.classes = result.names.size();
  for (std::size_t i = 0; i < result.classes; ++i)
    result.labels[result.names[i]] = static_cast<std::uint8_t>(i);
  return result;
}

/// Adds pictures to image sets, all of the size of the first.
class PictureReader {
 public:
  void add(const fs::path& path, std::uint8_t label, ImageSet& set) {
    const auto image = read_png(path);
    if (first_.empty()) {
      first_ = path;
      height_ = image.height;
      width_ = image.width;
    }
    if (image.height != height_ || image.width != width_) {
      refuse(path, "has {} x {} pixels, but '{}' has {} x {}; all must be of one size", image.height,
             image.width, first_.string(), height_, width_);
    }
    set.height = height_;
    set.width = width_;
    set.pixels.insert(set.pixels.end(), image.pixels.begin(), image.pixels.end());
    set.labels.push_back(label);
  }

 private:
  fs::path first_;
  std::int64_t height_ = 0;
  std::int64_t width_ = 0;
};

}  // namespace

std::vector<std::string> read_picture_folder(const fs::path& folder, DataSet& data) {
  const auto train = folder / "train";
  const auto test = folder / "test";
  const auto train_names = class_folders(train);
  auto test_names = class_folders(test);
  std::vector<std::string> notes;
  std::erase_if(test_names, [&](const auto& name) {
    if (!visible_names(test / name).empty()) return false;
    notes.push_back(fmt::format("'{}' holds no pictures", (test / name).string()));
    return true;
  });
  const auto classes = label_classes(folder, train_names, test_names);
  PictureReader reader;
  const auto read_set = [&](const fs::path& part, const std::vector<std::string>& names, ImageSet& set) {
    std::vector<std::pair<std::uint8_t, fs::path>> order;
    for (const auto& name : names) order.emplace_back(classes.labels.at(name), part / name);
    std::ranges::sort(order);
    for (const auto& [label, path] : order)
      for (const auto& file : visible_names(path)) reader.add(path / file, label, set);
    if (set.labels.empty()) refuse(part, "holds no pictures");
  };
  read_set(train, train_names, data.train);
  read_set(test, test_names, data.test);
  data.classes = static_cast<int>(classes.classes);
  data.class_names = classes.names;
  return notes;
}

}  // namespace keel::tools
