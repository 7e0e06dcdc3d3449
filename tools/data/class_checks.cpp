#include "keel/tools/data/class_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

using LabelCounts = std::array<std::int64_t, 256>;

LabelCounts count_labels(const ImageSet& set) {
  LabelCounts counts{};
  for (const auto label : set.labels) ++counts[label];
  return counts;
}

std::string images_text(std::int64_t count) {
  return fmt::format("{} test image{}", count, count == 1 ? " has" : "s have");
}

void check_test_labels(const DataSet& data, const LabelCounts& train, const LabelCounts& test,
                       const std::filesystem::path& folder) {
  constexpr std::size_t most_listed = 5;
  std::int64_t images = 0;
  std::vector<std::string> strangers;
  for (std::size_t label = 0; label < test.size(); ++label) {
    if (test[label] == 0 || train[label] > 0) continue;
    images += test[label];
    strangers.push_back(fmt::format("{} ({})", class_text(data, static_cast<int>(label)), test[label]));
  }
  if (strangers.empty()) return;
  const auto count = strangers.size();
  if (count > most_listed) {
    strangers.resize(most_listed);
    strangers.push_back(fmt::format("and {} more", count - most_listed));
  }
  refuse(folder, "can't be used: {} a label that no training image has: {}", images_text(images),
         fmt::join(strangers, ", "));
}

}  // namespace

std::string class_text(const DataSet& data, int label) {
  const auto index = static_cast<std::size_t>(label);
  return index < data.class_names.size() ? fmt::format("'{}'", data.class_names[index])
                                         : fmt::format("{}", label);
}

void check_labels(const DataSet& data, const std::filesystem::path& folder) {
  const auto train = count_labels(data.train);
  if (std::ranges::count_if(train, [](auto count) { return count > 0; }) < 2) {
    refuse(folder, "can't be used: every training image is of class {}, but two classes or more are needed",
           class_text(data, data.train.labels.at(0)));
  }
  check_test_labels(data, train, count_labels(data.test), folder);
}

std::string empty_classes_note(const DataSet& data) {
  const auto train = count_labels(data.train);
  std::vector<int> empty;
  for (int label = 0; label < data.classes; ++label)
    if (train.at(static_cast<std::size_t>(label)) == 0) empty.push_back(label);
  if (empty.empty()) return {};
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < empty.size(); ++i) {
    const auto first = i;
    while (i + 1 < empty.size() && empty[i + 1] == empty[i] + 1) ++i;
    parts.push_back(class_text(data, empty[first]));
    if (i == first) continue;
    const auto* const between = i == first + 1 ? ", " : " to ";
    parts.back() += between + class_text(data, empty[i]);
  }
  return fmt::format("'{}' has no training images of class{} {}", data.name, empty.size() == 1 ? "" : "es",
                     fmt::join(parts, ", "));
}

}  // namespace keel::tools
