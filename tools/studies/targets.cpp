#include "keel/tools/studies/targets.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace keel::tools {

std::string target_name(double target) {
  return fmt::format("{:.0f}", 100.0 * target);
}

std::optional<double> first_reached(double target, std::span<const double> at,
                                    std::span<const double> accuracies) {
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (!(accuracies[i] >= target)) continue;
    if (i == 0) return at[0];
    const double share = (target - accuracies[i - 1]) / (accuracies[i] - accuracies[i - 1]);
    return at[i - 1] + share * (at[i] - at[i - 1]);
  }
  return std::nullopt;
}

TargetWatch::TargetWatch(TrainingLoop& loop, int looks_an_epoch)
    : loop_(loop), interval_(std::max<std::int64_t>(1, loop.steps_per_epoch() / looks_an_epoch)) {}

bool TargetWatch::after_step(std::int64_t step) {
  if (reached_ || step % interval_ != 0) return reached_;
  const auto evaluation = loop_.look();
  steps_.push_back(static_cast<double>(step));
  seconds_.push_back(loop_.training_seconds());
  accuracies_.push_back(evaluation.accuracy);
  losses_.push_back(evaluation.loss);
  reached_ = std::ranges::all_of(accuracy_targets, [&](double target) {
    return std::ranges::any_of(accuracies_, [&](double accuracy) { return accuracy >= target; });
  });
  return reached_;
}

void TargetWatch::record() {
  auto& measures = loop_.measures();
  for (const double target : accuracy_targets) {
    if (const auto steps = first_reached(target, steps_, accuracies_))
      measures["steps_to_" + target_name(target)] = {*steps};
    if (const auto seconds = first_reached(target, seconds_, accuracies_))
      measures["to_" + target_name(target) + "_seconds"] = {*seconds};
  }
  measures["steps"] = steps_;
  measures["accuracy"] = accuracies_;
  measures["loss"] = losses_;
}

}  // namespace keel::tools
