#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/report/settings_text.hpp"
#include "keel/tools/report/training_tables.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

constexpr std::string_view health_prefix = "health_";

bool has_word(std::string_view name, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(
      words, [&](std::string_view word) { return name.find(word) != std::string_view::npos; });
}

// Of a variance, and what its name calls the smallest, the worst is the smallest.
bool smallest_is_worst(std::string_view name) {
  return has_word(name, {"least", "smallest", "lowest", "min"}) ||
         (has_word(name, {"variance"}) && !has_word(name, {"largest", "greatest", "max"}));
}

// The arms that runs belong to, in the order of their first run.
std::vector<std::string> arms_in(std::span<const RunResult> runs) {
  std::vector<std::string> arms;
  for (const auto& run : runs)
    if (arms.size() < most_arms && std::ranges::find(arms, run.settings.model) == arms.end())
      arms.push_back(run.settings.model);
  return arms;
}

std::vector<std::string> health_measures(std::span<const RunResult> runs) {
  std::vector<std::string> names;
  for (const auto& run : runs)
    for (const auto& [name, values] : run.measures)
      if (name.starts_with(health_prefix) && std::ranges::find(names, name) == names.end())
        names.push_back(name);
  std::ranges::sort(names);
  return names;
}

// A measure that is not finite is worse than any that is.
std::string worst_text(std::span<const RunResult> runs, const std::string& arm, const std::string& name) {
  const bool smallest = smallest_is_worst(name);
  std::optional<double> worst;
  bool finite = true;
  for (const auto& run : runs) {
    if (run.settings.model != arm || !is_judged(run)) continue;
    for (const double value : series(run, name)) {
      finite = finite && std::isfinite(value);
      if (!worst || (smallest ? value < *worst : value > *worst)) worst = value;
    }
  }
  if (!finite) return "not finite";
  return worst ? short_text(*worst) : "\u2013";
}

// How far runs in double precision come out from those that they repeat.
struct Repeats {
  std::size_t count = 0;
  double largest = 0.0;  // difference of final accuracy
  double spread = 0.0;   // standard deviation over the seeds, of the run that differs most
};

// Over the seeds of runs that differ from this one in nothing else.
double spread_over_seeds(std::span<const RunResult> runs, const RunResult& one) {
  std::vector<double> accuracies;
  for (const auto& run : runs) {
    auto same = run.settings;
    same.seed = one.settings.seed;
    if (same == one.settings && std::isfinite(final_accuracy(run))) accuracies.push_back(final_accuracy(run));
  }
  return accuracies.size() < 2 ? 0.0 : summarize(accuracies).sd.value_or(0.0);
}

Repeats repeats_of(std::span<const RunResult> runs, const std::string& arm) {
  Repeats repeats;
  for (const auto& run : runs) {
    if (run.settings.model != arm || run.settings.precision != DType::f64) continue;
    auto same = run.settings;
    same.precision = DType::f32;
    const auto original = std::ranges::find(runs, same, &RunResult::settings);
    if (original == runs.end()) continue;
    const double difference = std::abs(final_accuracy(run) - final_accuracy(*original));
    if (!std::isfinite(difference)) continue;
    ++repeats.count;
    if (difference < repeats.largest && repeats.count > 1) continue;
    repeats.largest = difference;
    repeats.spread = spread_over_seeds(runs, *original);
  }
  return repeats;
}

std::string repeats_text(const Repeats& repeats) {
  if (repeats.count == 0) return "\u2013";
  return fmt::format("{} points at most in {}; seeds differ by {} (sd)",
                     fixed_text(100.0 * repeats.largest, 2), repeats.count,
                     fixed_text(100.0 * repeats.spread, 2));
}

}  // namespace

Table health_table(std::span<const RunResult> runs) {
  Table table{"Numerical health: the worst over all runs of an arm", {""}};
  const auto names = health_measures(runs);
  for (const auto& name : names) table.header.push_back(name_text(name.substr(health_prefix.size())));
  const auto arms = arms_in(runs);
  const bool repeated =
      std::ranges::any_of(arms, [&](const std::string& arm) { return repeats_of(runs, arm).count > 0; });
  if (repeated) table.header.emplace_back("f64 against f32, final accuracy");
  if (table.header.size() == 1) return table;
  for (const auto& arm : arms) {
    std::vector<std::string> row{label_of(arm)};
    for (const auto& name : names) row.push_back(worst_text(runs, arm, name));
    if (repeated) row.push_back(repeats_text(repeats_of(runs, arm)));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace keel::tools
