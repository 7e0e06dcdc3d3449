#include "keel/tools/runs/arms.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "keel/tools/findings/statistics.hpp"

namespace keel::tools {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

}  // namespace

std::vector<RunResult> runs_of(std::span<const RunResult> runs, const RunFilter& filter) {
  std::vector<RunResult> result;
  std::ranges::copy_if(runs, std::back_inserter(result), filter);
  return result;
}

RunFilter of_model(const std::string& model) {
  return [model](const RunResult& run) { return run.settings.model == model; };
}

RunFilter with_factor(const std::string& name, const Factor& value) {
  return [name, value](const RunResult& run) {
    const auto* found = run.settings.factors.find(name);
    return found != nullptr && *found == value;
  };
}

RunFilter operator&&(RunFilter a, RunFilter b) {
  return [a = std::move(a), b = std::move(b)](const RunResult& run) { return a(run) && b(run); };
}

BySeed by_seed(std::span<const RunResult> runs, const RunFilter& filter, const RunValue& value) {
  BySeed result;
  for (const auto& run : runs)
    if (filter(run)) result[run.settings.seed] = value(run);
  return result;
}

std::vector<double> pairwise(const BySeed& a, const BySeed& b,
                             const std::function<double(double, double)>& combine) {
  std::vector<double> result;
  for (const auto& [seed, value] : a)
    if (const auto other = b.find(seed); other != b.end()) result.push_back(combine(value, other->second));
  return result;
}

Point point_at(double x, std::span<const double> values) {
  if (values.empty()) return {.x = x, .y = none};
  const auto [mean, low, high] = mean_interval(values);
  return {.x = x, .y = mean, .low = low, .high = high, .count = static_cast<int>(values.size())};
}

Point point_at(double x, const BySeed& values) {
  std::vector<double> plain;
  for (const auto& [seed, value] : values) plain.push_back(value);
  return point_at(x, plain);
}

std::vector<Point> by_epoch(std::span<const RunResult> runs, const RunFilter& filter,
                            const std::function<double(const EpochResult&)>& value) {
  std::map<int, std::vector<double>> at;
  for (const auto& run : runs)
    if (filter(run))
      for (const auto& epoch : run.epochs) at[epoch.epoch].push_back(value(epoch));
  std::vector<Point> points;
  for (const auto& [epoch, values] : at) points.push_back(point_at(epoch, values));
  return points;
}

double measure(const RunResult& run, std::string_view name) {
  const auto values = series(run, name);
  return values.empty() ? none : values.front();
}

std::span<const double> series(const RunResult& run, std::string_view name) {
  const auto found = run.measures.find(std::string{name});
  return found == run.measures.end() ? std::span<const double>{} : found->second;
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double lesser(double a, double b) {
  return a < b || std::isnan(a) ? a : b;
}

double final_accuracy(const RunResult& run) {
  return run.epochs.empty() ? none : run.epochs.back().validation.accuracy;
}

double final_validation_loss(const RunResult& run) {
  return run.epochs.empty() ? none : run.epochs.back().validation.loss;
}

std::vector<Factor> levels_of(std::span<const RunResult> runs, const std::string& factor) {
  std::vector<Factor> levels;
  for (const auto& run : runs) {
    const auto* found = run.settings.factors.find(factor);
    if (found != nullptr && std::ranges::find(levels, *found) == levels.end()) levels.push_back(*found);
  }
  return levels;
}

std::vector<std::uint64_t> seeds_of(std::span<const RunResult> runs) {
  std::set<std::uint64_t> seeds;
  for (const auto& run : runs) seeds.insert(run.settings.seed);
  return {seeds.begin(), seeds.end()};
}

std::string label_of(const std::string& model) {
  static const std::map<std::string, std::string> labels{{"bn", "batch norm"},
                                                         {"he", "plain, He's start"},
                                                         {"ln", "layer norm"},
                                                         {"gn", "group norm"},
                                                         {"ghost", "batch norm over ghost batches"},
                                                         {"bn-bare", "batch norm without gamma and beta"},
                                                         {"bn-after", "batch norm behind the activation"},
                                                         {"weight-norm", "weight norm"},
                                                         {"skip-init", "residual, SkipInit"},
                                                         {"noisy-bn", "noisy batch norm"},
                                                         {"bn+dropout", "batch norm and dropout"},
                                                         {"bn-shared", "batch norm, shared statistics"},
                                                         {"bn-per-step", "batch norm, statistics per step"},
                                                         {"folded", "batch norm, folded away"},
                                                         {"ghost", "batch norm over ghost batches"},
                                                         {"noisy-ln", "layer norm with ghost noise"},
                                                         {"frozen", "batch norm, frozen at the end"}};
  const auto found = labels.find(model);
  return found == labels.end() ? model : found->second;
}

}  // namespace keel::tools
