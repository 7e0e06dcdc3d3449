#include "keel/tools/training/targets.hpp"

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

void TargetWatch::look(Looks& looks) {
  const auto evaluation = loop_.look();
  looks.steps.push_back(static_cast<double>(loop_.steps()));
  looks.seconds.push_back(loop_.training_seconds());
  looks.accuracies.push_back(evaluation.accuracy);
  looks.losses.push_back(evaluation.loss);
}

bool TargetWatch::after_step(std::int64_t step) {
  if (reached_ || step % interval_ != 0) return reached_;
  look(looks_);
  reached_ = std::ranges::all_of(accuracy_targets, [&](double target) {
    return std::ranges::any_of(looks_.accuracies, [&](double accuracy) { return accuracy >= target; });
  });
  return reached_;
}

void TargetWatch::record() {
  auto looks = looks_;
  const auto steps = static_cast<double>(loop_.steps());
  const bool seen = steps == 0.0 || (!looks.steps.empty() && looks.steps.back() == steps);
  if (!reached_ && !seen && !loop_.diverged()) look(looks);
  auto& measures = loop_.measures();
  // An earlier record may have seen a target reached at a step that is now none of the looks.
  const auto set = [&](const std::string& name, std::optional<double> value) {
    if (value)
      measures[name] = {*value};
    else
      measures.erase(name);
  };
  for (const double target : accuracy_targets) {
    set("steps_to_" + target_name(target), first_reached(target, looks.steps, looks.accuracies));
    set("to_" + target_name(target) + "_seconds", first_reached(target, looks.seconds, looks.accuracies));
  }
  measures["steps"] = looks.steps;
  measures["accuracy"] = looks.accuracies;
  measures["loss"] = looks.losses;
}

}  // namespace keel::tools
