#include "keel/tools/runs/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/training/health.hpp"

namespace keel::tools {
namespace {

constexpr std::size_t runs_to_a_doubtful_one = 4;  // from a quarter on they count

bool is_finite_if_there(const RunResult& run, const char* name) {
  return std::ranges::all_of(series(run, name), [](double value) { return std::isfinite(value); });
}

struct ModelRuns {
  std::size_t all = 0;
  std::size_t doubtful = 0;
};

}  // namespace

bool is_in_doubt(const RunResult& run) {
  if (!has_learned(run) || !run.error.empty()) return false;
  if (!is_finite_if_there(run, largest_gradient_measure) ||
      !is_finite_if_there(run, smallest_variance_measure))
    return true;
  return measure(run, gradient_below_epsilon_measure) >= blown_up_gradient;
}

std::string numerical_fault(std::span<const RunResult> runs) {
  std::map<std::string, ModelRuns> models;
  for (const auto& run : runs) {
    auto& [all, doubtful] = models[run.settings.model];
    ++all;
    doubtful += is_in_doubt(run) ? 1 : 0;
  }
  for (const auto& [model, counts] : models) {
    if (counts.doubtful * runs_to_a_doubtful_one < counts.all || counts.doubtful == 0) continue;
    return fmt::format(
        "in {} of {} runs of {} a batch norm met a variance below its epsilon while the gradient's norm was {:g} "
        "or more, or that was not finite: rounding errors are multiplied there, and the numbers are in doubt",
        counts.doubtful, counts.all, label_of(model), blown_up_gradient);
  }
  return "";
}

void withhold(Finding& finding, const std::string& why) {
  if (why.empty()) return;
  if (finding.withheld.empty()) finding.withheld = why;
  finding.verdict = Verdict::not_shown;
}

bool PrecisionRepeat::agree() const {
  return std::isfinite(f32) == std::isfinite(f64) && !(std::abs(f32 - f64) > 2.0 * sd);
}

bool met_less_than_epsilon(const RunResult& run) {
  return std::ranges::any_of(series(run, smallest_variance_measure),
                             [](double value) { return value < 1.0; });
}

std::string precision_disagreement(std::span<const RunResult> runs, std::span<const RepeatedArm> arms) {
  const auto points = [](const RunResult& run) { return 100.0 * final_accuracy(run); };
  for (const auto& [label, of_arm] : arms) {
    const auto repeat = precision_repeat(runs_of(runs, of_arm), points, f64_accuracy_measure);
    if (!repeat || repeat->agree()) continue;
    return fmt::format(
        "in double precision {} came to {:.1f} % on the seeds on which it came to {:.1f} % in single precision, "
        "and the seeds' standard deviation is {:.1f} points: the numbers are in doubt",
        label, repeat->f64, repeat->f32, repeat->sd);
  }
  return "";
}

std::optional<PrecisionRepeat> precision_repeat(std::span<const RunResult> arm, const RunValue& value,
                                                std::string_view measure) {
  std::vector<double> all;
  std::vector<double> in_f32;
  std::vector<double> in_f64;
  for (const auto& run : arm) {
    all.push_back(value(run));
    const auto repeated = series(run, measure);
    if (repeated.empty()) continue;
    in_f32.push_back(all.back());
    in_f64.push_back(repeated.front());
  }
  if (in_f64.empty()) return std::nullopt;
  return PrecisionRepeat{.seeds = in_f64.size(),
                         .f32 = mean_of(in_f32),
                         .f64 = mean_of(in_f64),
                         .sd = summarize(all).sd.value_or(std::nan(""))};
}

}  // namespace keel::tools
