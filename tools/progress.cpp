#include "keel/tools/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace keel::tools {

Progress::Progress(int epochs_in_all, bool quiet)
    : epochs_in_all_(epochs_in_all), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_ && !quiet_ && epochs_done_ > 0) fmt::print(stderr, "\r\x1b[K");
}

void Progress::epoch_done(const RunSettings& run, const EpochResult& epoch) {
  const std::scoped_lock lock{mutex_};
  ++epochs_done_;
  if (quiet_) return;
  if (terminal_) return draw_bar();
  fmt::print(
      stderr,
      "{} seed {} epoch {}/{}: train loss {:.4f}, validation loss {:.4f}, accuracy {:.2f} %, {:.2f} s\n",
      run.model, run.seed, epoch.epoch, run.epochs, epoch.train_loss, epoch.validation.loss,
      100.0 * epoch.validation.accuracy, epoch.seconds);
}

void Progress::draw_bar() {
  constexpr int width = 30;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  const double rate = epochs_done_ / seconds;
  const int filled = static_cast<int>(static_cast<std::int64_t>(width) * epochs_done_ / epochs_in_all_);
  fmt::print(stderr, "\r\x1b[K[{:#<{}}{:.<{}}] {} of {} epochs, {:.1f} a second, {:.0f} s left", "", filled,
             "", width - filled, epochs_done_, epochs_in_all_, rate, (epochs_in_all_ - epochs_done_) / rate);
  std::fflush(stderr);
}

}  // namespace keel::tools
