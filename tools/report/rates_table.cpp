#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "keel/tools/report/settings_text.hpp"
#include "keel/tools/report/training_tables.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

constexpr auto kind_of_rate = "rate";

// The tuning runs of an arm: those that differ in rate and seed alone.
struct TunedArm {
  RunSettings settings;  // of the first of them
  std::map<double, std::vector<double>> accuracies;
  std::set<std::uint64_t> seeds;
};

Factors without_rate(const Factors& factors) {
  Factors others;
  for (const auto& [name, value] : factors)
    if (name != kind_of_rate) others.set(name, value);
  return others;
}

bool are_one_arm(const RunSettings& a, const RunSettings& b) {
  return a.model == b.model && a.hidden == b.hidden && a.optimizer == b.optimizer &&
         a.batch_size == b.batch_size && without_rate(a.factors) == without_rate(b.factors);
}

// Whether a judged run has the rate that was chosen for a tuned arm. It may have factors of its own besides.
bool follows(const RunSettings& judged, const RunSettings& tuned) {
  if (judged.model != tuned.model || judged.hidden != tuned.hidden || judged.optimizer != tuned.optimizer)
    return false;
  const auto* rate = judged.factors.find(kind_of_rate);
  if (rate != nullptr && *rate != "tuned") return false;
  return std::ranges::all_of(tuned.factors, [&](const Factors::Entry& entry) {
    const auto* own = judged.factors.find(entry.first);
    return entry.first == kind_of_rate || own == nullptr || *own == entry.second;
  });
}

std::vector<TunedArm> tuned_arms(std::span<const RunResult> runs) {
  std::vector<TunedArm> arms;
  for (const auto& run : runs) {
    if (!is_tuning(run)) continue;
    auto arm = std::ranges::find_if(
        arms, [&](const TunedArm& each) { return are_one_arm(each.settings, run.settings); });
    if (arm == arms.end() && arms.size() == most_arms) continue;
    if (arm == arms.end()) arm = arms.insert(arm, TunedArm{.settings = run.settings});
    const double accuracy = final_accuracy(run);
    arm->accuracies[run.settings.learning_rate].push_back(std::isfinite(accuracy) ? accuracy : 0.0);
    arm->seeds.insert(run.settings.seed);
  }
  return arms;
}

std::set<double> chosen_rates(std::span<const RunResult> runs, const TunedArm& arm) {
  std::set<double> rates;
  for (const auto& run : runs) {
    const double rate = run.settings.learning_rate;
    if (is_judged(run) && follows(run.settings, arm.settings) && arm.accuracies.contains(rate))
      rates.insert(rate);
  }
  return rates;
}

std::string chosen_text(const std::set<double>& chosen, const TunedArm& arm) {
  if (chosen.empty()) return "\u2013";
  std::string text;
  for (const double rate : chosen) text += (text.empty() ? "" : ", ") + short_text(rate);
  if (chosen.size() != 1 || arm.accuracies.size() < 2) return text;
  if (*chosen.begin() == arm.accuracies.rbegin()->first) text += ", the highest tried";
  if (*chosen.begin() == arm.accuracies.begin()->first) text += ", the lowest tried";
  return text;
}

}  // namespace

Table rates_table(std::span<const RunResult> runs) {
  const auto arms = tuned_arms(runs);
  std::set<double> rates;
  std::size_t seeds = 0;
  for (const auto& arm : arms) {
    for (const auto& [rate, accuracies] : arm.accuracies) rates.insert(rate);
    seeds = std::max(seeds, arm.seeds.size());
  }
  Table table{
      fmt::format(
          "Learning rates: which were tried, by their mean final validation accuracy (%) on {} seed{} "
          "that nothing is judged by, and which was chosen (\u25CF)",
          seeds, seeds == 1 ? "" : "s"),
      {"", "chosen"}};
  for (const double rate : rates) table.header.push_back(short_text(rate));
  for (const auto& arm : arms) {
    const auto chosen = chosen_rates(runs, arm);
    table.rows.push_back(
        {arm_text(arm.settings.model, without_rate(arm.settings.factors)), chosen_text(chosen, arm)});
    for (const double rate : rates) {
      const auto found = arm.accuracies.find(rate);
      const auto accuracy =
          found == arm.accuracies.end() ? std::string{} : fixed_text(100.0 * mean_of(found->second), 2);
      table.rows.back().push_back(chosen.contains(rate) ? "\u25CF\u00A0" + accuracy : accuracy);
    }
  }
  return table;
}

}  // namespace keel::tools
