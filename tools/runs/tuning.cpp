#include "keel/tools/runs/tuning.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

// Beyond any seed that a command line judges on.
constexpr std::uint64_t first_tuning_seed = 1'000'000'000;
constexpr int tuning_seeds = 3;
constexpr int quick_tuning_seeds = 2;

}  // namespace

std::vector<std::uint64_t> tuning_seeds_of(const StudyScale& scale) {
  std::vector<std::uint64_t> seeds;
  const int count = scale.quick ? quick_tuning_seeds : tuning_seeds;
  for (int i = 0; i < count; ++i)
    seeds.push_back(scale.first_seed + first_tuning_seed + static_cast<std::uint64_t>(i));
  return seeds;
}

std::vector<RunSettings> tuning_settings(const StudyScale& scale, const RunSettings& settings,
                                         std::span<const double> rates) {
  std::vector<RunSettings> all;
  for (const double rate : rates) {
    for (const auto seed : tuning_seeds_of(scale)) {
      all.push_back(settings);
      all.back().learning_rate = rate;
      all.back().seed = seed;
      all.back().tuning = true;
    }
  }
  return all;
}

double tuned_rate(std::span<const RunResult> tuning, const RunFilter& filter, const RunValue& value) {
  std::map<double, double> sums;
  for (const auto& run : tuning) {
    if (!is_tuning(run) || !filter(run)) continue;
    const double found = value(run);
    sums[run.settings.learning_rate] += std::isfinite(found) ? found : 0.0;
  }
  if (sums.empty()) throw Error{"a learning rate is to be chosen for an arm that no tuning run has"};
  const auto best = std::ranges::max_element(sums, {}, [](const auto& entry) { return entry.second; });
  return best->first;
}

bool is_tuning(const RunResult& run) {
  return run.settings.tuning;
}

bool is_judged(const RunResult& run) {
  return !is_tuning(run) && run.settings.precision == DType::f32;
}

}  // namespace keel::tools
