#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// Says on standard error how far the work is: on a terminal, one line that is rewritten, with the runs done,
/// their rate, the time left and a run that is under way; piped, a line an epoch. Any thread may report.
class Progress {
 public:
  /// `cost` of all runs together, in the unit of the others; `what` they are called.
  Progress(std::size_t runs, double cost, bool quiet, std::string what = "runs");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void run_begun(const RunSettings& run);
  void epoch_done(const RunSettings& run, const EpochResult& epoch, double cost);
  /// `cost` of the whole run; what its epochs had of it is counted already.
  void run_done(const RunResult& run, double cost);

 private:
  void draw_bar();

  const std::size_t runs_;
  const double cost_;
  const bool quiet_;
  const std::string what_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::size_t runs_done_ = 0;
  double cost_of_runs_done_ = 0.0;
  std::map<std::string, double> under_way_;  // a run's part that is done, by its description
};

}  // namespace keel::tools
