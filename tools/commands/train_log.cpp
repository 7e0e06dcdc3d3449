#include "keel/tools/commands/train_log.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "keel/tools/system/json.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/system/output_folder.hpp"

namespace keel::tools {
namespace {

std::string metrics_line(const TrainedEpoch& epoch) {
  const auto& result = epoch.result;
  const Json json{{"epoch", result.epoch},
                  {"steps", result.steps},
                  {"train_loss", number(result.train_loss)},
                  {"validation_loss", number(result.validation.loss)},
                  {"validation_accuracy", number(result.validation.accuracy)},
                  {"learning_rate", epoch.learning_rate},
                  {"seconds", result.seconds}};
  return json_text(json) + "\n";
}

std::size_t columns_of_terminal() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

MetricsFile::MetricsFile(std::filesystem::path path, const std::vector<TrainedEpoch>& epochs)
    : path_(std::move(path)) {
  std::string lines;
  for (const auto& epoch : epochs) lines += metrics_line(epoch);
  write_file(path_, lines);
}

void MetricsFile::add(const TrainedEpoch& epoch) const {
  std::ofstream file{path_, std::ios::app | std::ios::binary};
  file << metrics_line(epoch) << std::flush;
  if (!file) throw Error{fmt::format("'{}' can't be written to: is the disk full?", path_.string())};
}

TrainProgress::TrainProgress(const Trainer& trainer, int epochs, bool quiet)
    : trainer_(trainer),
      epochs_(epochs),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1),
      first_step_(trainer.steps()) {}

TrainProgress::~TrainProgress() {
  if (terminal_ && !quiet_) std::fputs("\r\x1b[K", stderr);
}

void TrainProgress::step_done() {
  using namespace std::chrono_literals;
  if (quiet_ || !terminal_ || Clock::now() - drawn_ < 100ms) return;
  drawn_ = Clock::now();
  draw_train_bar();
}

void TrainProgress::epoch_done() {
  if (quiet_ || terminal_) return;
  const auto& [epoch, rate] = trainer_.epochs().back();
  fmt::print(stderr, "epoch {}/{}: train loss {}, validation loss {}, accuracy {} %, rate {:.3g}, {:.2f} s\n",
             epoch.epoch, epochs_, cell_text(epoch.train_loss, 4), cell_text(epoch.validation.loss, 4),
             cell_text(100.0 * epoch.validation.accuracy, 2), rate, epoch.seconds);
}

void TrainProgress::draw_train_bar() {
  constexpr int width = 24;
  const auto all = static_cast<double>(trainer_.steps_in_all());
  const double share = std::clamp(static_cast<double>(trainer_.steps()) / all, 0.0, 1.0);
  const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  const auto own_steps = static_cast<double>(trainer_.steps() - first_step_);
  const int filled = static_cast<int>(width * share);
  auto line =
      fmt::format("[{:#<{}}{:.<{}}] epoch {}/{}", "", filled, "", width - filled,
                  std::min(std::ssize(trainer_.epochs()) + 1, static_cast<std::ptrdiff_t>(epochs_)), epochs_);
  if (own_steps > 0.0 && seconds > 0.0) {
    line +=
        fmt::format(", {:.3g} steps/s, {} left", own_steps / seconds,
                    seconds_text(seconds * (all - static_cast<double>(trainer_.steps())) / own_steps, " "));
  }
  if (!trainer_.epochs().empty())
    line += fmt::format("; validation {:.2f} %", 100.0 * trainer_.epochs().back().result.validation.accuracy);
  fmt::print(stderr, "\r{}\x1b[K", line.substr(0, columns_of_terminal() - 1));
  std::fflush(stderr);
}

}  // namespace keel::tools
