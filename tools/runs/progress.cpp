#include "keel/tools/runs/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "keel/tools/runs/run_store.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/system/terminal.hpp"

namespace keel::tools {

Progress::Progress(std::size_t runs, double cost, bool quiet, std::string what)
    : runs_(runs),
      cost_(cost),
      quiet_(quiet),
      what_(std::move(what)),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_ && !quiet_ && runs_ > 0) fmt::print(stderr, "\r\x1b[K");
}

void Progress::run_begun(const RunSettings& run) {
  const std::scoped_lock lock{mutex_};
  under_way_[describe(run)] = 0.0;
  if (!quiet_ && terminal_) draw_bar();
}

void Progress::epoch_done(const RunSettings& run, const EpochResult& epoch, double cost) {
  const std::scoped_lock lock{mutex_};
  under_way_[describe(run)] += cost;
  if (quiet_) return;
  if (terminal_) return draw_bar();
  fmt::print(stderr, "{} epoch {}/{}: train loss {}, validation loss {}, accuracy {} %, {:.2f} s\n",
             describe(run), epoch.epoch, run.epochs, cell_text(epoch.train_loss, 4),
             cell_text(epoch.validation.loss, 4), cell_text(100.0 * epoch.validation.accuracy, 2),
             epoch.seconds);
}

void Progress::run_done(const RunResult& run, double cost) {
  const std::scoped_lock lock{mutex_};
  ++runs_done_;
  cost_of_runs_done_ += cost;
  under_way_.erase(describe(run.settings));
  if (quiet_) return;
  if (terminal_) return draw_bar();
  const char* how = !run.error.empty()         ? "failed"
                    : run.diverged             ? "diverged"
                    : !run.not_learned.empty() ? "done, nothing learned"
                                               : "done";
  if (!run.settings.study.empty())
    fmt::print(stderr, "{} {}: {} of {} {}\n", describe(run.settings), how, runs_done_, runs_, what_);
}

void Progress::draw_bar() {
  constexpr int width = 24;
  double cost = cost_of_runs_done_;
  for (const auto& [run, part] : under_way_) cost += part;
  const double share = std::clamp(cost / cost_, 0.0, 1.0);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  const int filled = static_cast<int>(width * share);
  auto line =
      fmt::format("[{:#<{}}{:.<{}}] {} of {} {}", "", filled, "", width - filled, runs_done_, runs_, what_);
  if (runs_done_ > 0) line += fmt::format(", {:.2g} a second", static_cast<double>(runs_done_) / seconds);
  if (share > 0.0) line += fmt::format(", {} left", seconds_text(seconds * (1.0 - share) / share, " "));
  if (!under_way_.empty()) line += fmt::format("; {}", under_way_.begin()->first);
  // A line that is longer than the terminal is wide would not be rewritten, but repeated.
  fmt::print(stderr, "\r{}\x1b[K", cut_to(line, terminal_width(STDERR_FILENO) - 1));
  std::fflush(stderr);
}

}  // namespace keel::tools
