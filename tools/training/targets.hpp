#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {

/// The shares of validation images classified correctly whose first reaching is noted.
inline constexpr std::array accuracy_targets{0.95, 0.97};

/// "95" for 0.95: how measures name a target.
std::string target_name(double target);

/// When, in `at`, `accuracies` first come to `target`; between two looks they are taken to grow evenly. None
/// if they never do.
std::optional<double> first_reached(double target, std::span<const double> at,
                                    std::span<const double> accuracies);

/// Validates a run several times an epoch and notes when it reaches each target.
class TargetWatch {
 public:
  TargetWatch(TrainingLoop& loop, int looks_an_epoch);

  /// To be told of every step. Validates at some, until all targets are reached, and returns whether they are.
  bool after_step(std::int64_t step);

  /// Writes the run's measures as of now: "steps", "accuracy", "loss" by look, the last step's among them, and,
  /// for each target that was reached, "steps_to_95" and "to_95_seconds".
  void record();

 private:
  struct Looks {
    std::vector<double> steps, seconds, accuracies, losses;
  };
  void look(Looks& looks);

  TrainingLoop& loop_;
  std::int64_t interval_;
  Looks looks_;
  bool reached_ = false;
};

}  // namespace keel::tools
