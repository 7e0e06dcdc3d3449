#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "keel/tools/commands/evaluate_command.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

constexpr std::size_t most_columns = 80;
constexpr std::size_t most_pairs = 10;
constexpr std::size_t longest_class_name = 20;

// To the right in so many columns; a name that is too long loses its end.
std::string right(std::string text, std::size_t width) {
  while (character_count(text) > width) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U) text.pop_back();
    text.pop_back();
  }
  return std::string(width - character_count(text), ' ') + text;
}

std::size_t width_of(std::span<const std::string> names) {
  std::size_t width = 0;
  for (const auto& name : names) width = std::max(width, character_count(name));
  return std::clamp<std::size_t>(width, 1, longest_class_name);
}

std::string count_or_dot(std::int64_t count) {
  return count == 0 ? "." : std::to_string(count);
}

// Nothing where it would be wider than a terminal.
std::string confusion_matrix(const Classification& classification, std::span<const std::string> names) {
  const auto label = width_of(names);
  std::size_t cell = label;
  for (const auto& row : classification.confusion)
    for (const auto count : row) cell = std::max(cell, std::to_string(count).size());
  if (label + 2 + names.size() * (cell + 1) > most_columns) return "";
  std::string text =
      "\nimages by true class (rows) and predicted class (columns)\n\n" + right("", label) + " |";
  for (const auto& name : names) text += " " + right(name, cell);
  text += "\n" + std::string(label + 1, '-') + "+" + std::string(names.size() * (cell + 1), '-') + "\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += right(names[i], label) + " |";
    for (const auto count : classification.confusion[i]) text += " " + right(count_or_dot(count), cell);
    text += "\n";
  }
  return text;
}

struct ConfusedPair {
  std::int64_t images;
  std::size_t truth;
  std::size_t predicted;
};

std::string confused_pairs(const Classification& classification, std::span<const std::string> names) {
  std::vector<ConfusedPair> pairs;
  for (std::size_t i = 0; i < names.size(); ++i)
    for (std::size_t k = 0; k < names.size(); ++k)
      if (i != k && classification.confusion[i][k] > 0)
        pairs.push_back({classification.confusion[i][k], i, k});
  if (pairs.empty()) return "\nno image was taken for another class\n";
  std::ranges::stable_sort(pairs, std::greater{}, &ConfusedPair::images);
  pairs.resize(std::min(pairs.size(), most_pairs));
  std::string text = "\nthe classes confused most\n\nimages  true -> predicted\n";
  for (const auto& [images, truth, predicted] : pairs)
    fmt::format_to(std::back_inserter(text), "{:>6}  {} -> {}\n", images, names[truth], names[predicted]);
  return text;
}

std::string percent_or_none(const std::optional<double>& share) {
  return share ? fmt::format("{:.2f} %", 100.0 * *share) : "-";
}

std::string class_scores(const Classification& classification, std::span<const std::string> names) {
  const auto label = std::max<std::size_t>(width_of(names), 5);
  std::string text = "\n" + right("class", label) + "   precision      recall          F1  images\n";
  const auto scores = classification.per_class();
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto& [precision, recall, f1, support] = scores[i];
    fmt::format_to(std::back_inserter(text), "{}  {:>10}  {:>10}  {:>10}  {:>6}\n", right(names[i], label),
                   percent_or_none(precision), percent_or_none(recall), percent_or_none(f1), support);
  }
  return text;
}

}  // namespace

std::string classification_text(const Classification& classification, std::span<const std::string> names) {
  auto text = fmt::format("loss {}, accuracy {:.2f} %, calibration error {:.2f} % ({} bins)\n",
                          cell_text(classification.mean.loss, 4), 100.0 * classification.mean.accuracy,
                          100.0 * classification.calibration_error, calibration_bins);
  const auto matrix = confusion_matrix(classification, names);
  text += matrix.empty() ? confused_pairs(classification, names) : matrix;
  return text + class_scores(classification, names);
}

}  // namespace keel::tools
