#pragma once

#include <chrono>
#include <mutex>
#include <string_view>

#include "keel/tools/training_run.hpp"

namespace keel::tools {

/// Says on standard error how far the work is: on a terminal, one line that is rewritten, with rate and time
/// left; piped, a line an epoch. Any thread may report.
class Progress {
 public:
  Progress(int epochs_in_all, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void epoch_done(const RunSettings& run, const EpochResult& epoch);

 private:
  void draw_bar();

  const int epochs_in_all_;
  const bool quiet_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  int epochs_done_ = 0;
};

}  // namespace keel::tools
