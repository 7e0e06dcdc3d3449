#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "keel/tools/training/trainer.hpp"

namespace keel::tools {

/// metrics.jsonl: one JSON object an epoch, each there as soon as the epoch is done.
class MetricsFile {
 public:
  /// Writes those of the epochs that are done, and nothing else: what an interrupted training wrote of later
  /// ones goes.
  MetricsFile(std::filesystem::path path, const std::vector<TrainedEpoch>& epochs);

  /// Adds one. Throws Error when it can't be written.
  void add(const TrainedEpoch& epoch) const;

 private:
  std::filesystem::path path_;
};

/// Says on standard error how far a training is: on a terminal by a bar with the rate and the time left,
/// piped by a line an epoch.
class TrainProgress {
 public:
  TrainProgress(const Trainer& trainer, int epochs, bool quiet);
  ~TrainProgress();
  TrainProgress(const TrainProgress&) = delete;
  TrainProgress& operator=(const TrainProgress&) = delete;

  void step_done();
  void epoch_done();

 private:
  using Clock = std::chrono::steady_clock;
  void draw_train_bar();

  const Trainer& trainer_;
  int epochs_;
  bool quiet_;
  bool terminal_;
  std::int64_t first_step_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_{};
};

}  // namespace keel::tools
