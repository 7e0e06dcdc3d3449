#include "keel/tools/report/training_tables.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "keel/tools/report/settings_text.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

constexpr auto rate_name = "rate";

// The judged runs of an arm, in what they have in common and in what not.
struct ArmSettings {
  std::vector<std::string> hidden;
  std::vector<std::string> optimizers;
  std::map<std::string, std::set<double>> rates;  // by what the study calls them: "tuned", "common", ""
  std::set<double> batches;
  std::set<double> epochs;
  std::vector<std::pair<std::string, std::vector<Factor>>> varied;
  std::size_t runs = 0;
};

void add_once(std::vector<std::string>& all, const std::string& text) {
  if (std::ranges::find(all, text) == all.end()) all.push_back(text);
}

void add_factor(ArmSettings& arm, const std::string& name, const Factor& value) {
  auto place = std::ranges::find(arm.varied, name, &decltype(arm.varied)::value_type::first);
  if (place == arm.varied.end()) place = arm.varied.insert(place, {name, {}});
  auto& values = place->second;
  if (std::ranges::find(values, value) == values.end()) values.push_back(value);
}

void add_run(ArmSettings& arm, const RunResult& run) {
  const auto& settings = run.settings;
  add_once(arm.hidden, hidden_text(settings.hidden));
  add_once(arm.optimizers, optimizer_text(settings));
  const auto* rate = settings.factors.find(rate_name);
  arm.rates[rate != nullptr && rate->is_word() ? rate->word() : ""].insert(settings.learning_rate);
  arm.batches.insert(static_cast<double>(settings.batch_size));
  if (!run.epochs.empty()) arm.epochs.insert(static_cast<double>(run.epochs.size()));
  for (const auto& [name, value] : settings.factors)
    if (name != rate_name) add_factor(arm, name, value);
  ++arm.runs;
}

// "0.01, 0.03, 0.1", or "0.01 to 10 (7 values)".
std::string numbers_text(const std::set<double>& numbers) {
  std::vector<std::string> texts;
  for (const double number : numbers) texts.push_back(short_text(number));
  if (texts.size() > 5) return fmt::format("{} to {} ({} values)", texts.front(), texts.back(), texts.size());
  return texts.empty() ? "\u2013" : fmt::format("{}", fmt::join(texts, ", "));
}

std::string words_text(const std::vector<std::string>& words) {
  if (words.size() > 5) return fmt::format("{} to {} ({})", words.front(), words.back(), words.size());
  return fmt::format("{}", fmt::join(words, "; "));
}

std::string rates_text(const ArmSettings& arm) {
  std::string text;
  for (const auto& [kind, rates] : arm.rates) {
    text += (text.empty() ? "" : "; ") + numbers_text(rates);
    if (!kind.empty()) text += fmt::format(" ({})", kind);
  }
  return text;
}

std::string varied_text(const ArmSettings& arm) {
  std::string text;
  for (const auto& [name, values] : arm.varied) {
    std::vector<std::string> words;
    for (const auto& value : values) words.push_back(value_text(value));
    text += fmt::format("{}{} {}", text.empty() ? "" : "; ", name_text(name),
                        words.size() > 6
                            ? fmt::format("{} to {} ({} values)", words.front(), words.back(), words.size())
                            : fmt::format("{}", fmt::join(words, ", ")));
  }
  return text.empty() ? "\u2013" : text;
}

// What is listed of an arm; arms with the same share a row.
std::vector<std::string> cells_of(const ArmSettings& arm) {
  return {words_text(arm.hidden),
          words_text(arm.optimizers),
          rates_text(arm),
          numbers_text(arm.batches),
          numbers_text(arm.epochs),
          varied_text(arm),
          count_text(static_cast<std::int64_t>(arm.runs))};
}

}  // namespace

Table training_table(std::span<const RunResult> runs) {
  std::vector<std::pair<std::string, ArmSettings>> arms;
  for (const auto& run : runs) {
    if (!is_judged(run)) continue;
    auto place = std::ranges::find(arms, run.settings.model, &decltype(arms)::value_type::first);
    if (place == arms.end() && arms.size() == most_arms) continue;
    if (place == arms.end()) place = arms.insert(place, {run.settings.model, {}});
    add_run(place->second, run);
  }
  Table table{"What was trained",
              {"", "hidden layers", "optimizer", "learning rate", "batch", "epochs", "varied", "runs each"},
              {}};
  for (const auto& [model, arm] : arms) {
    const auto cells = cells_of(arm);
    const auto same = std::ranges::find_if(table.rows, [&](const auto& row) {
      return std::equal(row.begin() + 1, row.end(), cells.begin(), cells.end());
    });
    if (same != table.rows.end()) {
      same->front() += "; " + label_of(model);
      continue;
    }
    table.rows.push_back({label_of(model)});
    table.rows.back().insert(table.rows.back().end(), cells.begin(), cells.end());
  }
  return table;
}

}  // namespace keel::tools
