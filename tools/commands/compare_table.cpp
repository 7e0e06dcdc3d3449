#include "keel/tools/commands/compare_table.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <map>
#include <string>

#include "keel/tools/data/batches.hpp"
#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/system/terminal.hpp"

namespace keel::tools {
namespace {

double total_seconds(const RunResult& run) {
  double seconds = 0.0;
  for (const auto& epoch : run.epochs) seconds += epoch.seconds;
  return seconds;
}

// Means over the runs that got as far as this epoch.
EpochResult mean_epoch(std::span<const SeedPair> pairs, RunResult SeedPair::*arm, std::size_t index) {
  EpochResult mean;
  double count = 0.0;
  for (const auto& pair : pairs) {
    const auto& run = pair.*arm;
    if (index >= run.epochs.size()) continue;
    const auto& epoch = run.epochs[index];
    mean.train_loss += epoch.train_loss;
    mean.validation.loss += epoch.validation.loss;
    mean.validation.accuracy += epoch.validation.accuracy;
    mean.seconds += epoch.seconds;
    ++count;
  }
  mean.train_loss /= count;
  mean.validation.loss /= count;
  mean.validation.accuracy /= count;
  mean.seconds /= count;
  return mean;
}

constexpr std::array arms_compared{&SeedPair::plain, &SeedPair::bn};
constexpr std::array names_of_arms{"plain", "batch norm"};
constexpr int epoch_columns = 34;  // of one arm

std::string epoch_heading() {
  return fmt::format("{:>10} {:>9} {:>7} {:>5}", "train loss", "val. loss", "acc.", "s");
}

std::string epoch_cells(const EpochResult& epoch) {
  const auto accuracy = cell_text(100.0 * epoch.validation.accuracy, 2);
  return fmt::format("{:>10} {:>9} {:>7} {:>5}", cell_text(epoch.train_loss, 4),
                     cell_text(epoch.validation.loss, 4), accuracy == "-" ? accuracy : accuracy + " %",
                     cell_text(epoch.seconds, 2));
}

// The arms side by side where the terminal is wide enough, else one below the other.
void print_epochs(std::span<const SeedPair> pairs, int epochs, std::size_t width) {
  constexpr std::size_t both = 5 + 2 * (2 + epoch_columns);
  std::vector<std::vector<std::size_t>> blocks{{0, 1}};
  if (width < both) blocks = {{0}, {1}};
  for (const auto& block : blocks) {
    std::string names = fmt::format("{:5}", "");
    std::string headings = "epoch";
    for (const auto arm : block) {
      names += fmt::format("  {:^{}}", names_of_arms.at(arm), epoch_columns);
      headings += "  " + epoch_heading();
    }
    fmt::print("\n{}\n{}\n", names.substr(0, names.find_last_not_of(' ') + 1), headings);
    for (int i = 0; i < epochs; ++i) {
      auto line = fmt::format("{:5}", i + 1);
      for (const auto arm : block)
        line += "  " + epoch_cells(mean_epoch(pairs, arms_compared.at(arm), static_cast<std::size_t>(i)));
      fmt::print("{}\n", line);
    }
  }
}

std::string with_spread(const Summary& summary, bool percent) {
  const double scale = percent ? 100.0 : 1.0;
  const int digits = percent ? 2 : 4;
  auto text = cell_text(scale * summary.mean, digits);
  if (!std::isfinite(summary.mean)) return text;
  if (summary.sd) text += " +- " + cell_text(scale * *summary.sd, digits);
  return text + (percent ? " %" : "");
}

std::vector<std::string> difference_row(const Measure& measure, const PairedDifference& difference) {
  const double scale = measure.percent ? 100.0 : 1.0;
  const int digits = measure.percent ? 2 : 4;
  std::vector<std::string> row{measure.name, signed_cell_text(scale * difference.mean, digits)};
  if (!difference.low) return row;
  row.push_back(fmt::format("[{}, {}]", signed_cell_text(scale * *difference.low, digits),
                            signed_cell_text(scale * *difference.high, digits)));
  row.push_back(difference.p ? fmt::format("{:.3g}", *difference.p) : "-");
  return row;
}

// Images a second, over all runs of an arm.
double speed(std::span<const SeedPair> pairs, RunResult SeedPair::*arm, std::int64_t images) {
  double seconds = 0.0;
  double epochs = 0.0;
  for (const auto& pair : pairs) {
    seconds += total_seconds(pair.*arm);
    epochs += static_cast<double>((pair.*arm).epochs.size());
  }
  return epochs * static_cast<double>(images) / seconds;
}

// The final numbers of both arms, then their difference.
void print_final(std::span<const SeedPair> pairs, std::int64_t images, std::size_t width) {
  const bool several = pairs.size() > 1;
  std::vector<std::vector<std::string>> finals;
  std::vector<std::vector<std::string>> differences;
  for (const auto& measure : compared_measures()) {
    const auto plain = values(pairs, &SeedPair::plain, measure);
    const auto bn = values(pairs, &SeedPair::bn, measure);
    finals.push_back({measure.name, with_spread(summarize(plain), measure.percent),
                      with_spread(summarize(bn), measure.percent)});
    differences.push_back(difference_row(measure, paired_difference(plain, bn)));
  }
  finals.push_back({"images a second", cell_text(speed(pairs, &SeedPair::plain, images), 0),
                    cell_text(speed(pairs, &SeedPair::bn, images), 0)});
  fmt::print("\n{}",
             table_text({several ? "final, mean +- sd" : "final", "plain", "batch norm"}, finals, width));
  std::vector<std::string> header{"batch norm - plain", "difference"};
  if (differences.front().size() > 2) header.insert(header.end(), {"95 % interval", "p"});
  fmt::print("\n{}", table_text(header, differences, width));
}

}  // namespace

std::vector<SeedPair> pair_by_seed(std::span<const RunResult> runs) {
  std::map<std::uint64_t, std::pair<const RunResult*, const RunResult*>> by_seed;
  for (const auto& run : runs) {
    auto& pair = by_seed[run.settings.seed];
    (run.settings.model == "bn" ? pair.second : pair.first) = &run;
  }
  std::vector<SeedPair> pairs;
  for (const auto& [seed, pair] : by_seed) {
    if (pair.first != nullptr && pair.second != nullptr) pairs.push_back({*pair.first, *pair.second});
  }
  return pairs;
}

std::vector<double> values(std::span<const SeedPair> pairs, RunResult SeedPair::*arm,
                           const Measure& measure) {
  std::vector<double> result;
  for (const auto& pair : pairs) result.push_back(measure.of(pair.*arm));
  return result;
}

void print_comparison(std::span<const SeedPair> pairs, const DataSet& data, const CommonOptions& options) {
  if (pairs.empty()) return;
  const auto width = terminal_width(STDOUT_FILENO);
  const auto [images, validation] = split_sizes(data.train.size(), options.run.limit);
  const auto what =
      fmt::format("{}: {} training, {} validation and {} test images of {} x {}, {} classes", data.name,
                  images, validation, data.test.size(), data.train.height, data.train.width, data.classes);
  const auto how =
      fmt::format("{}-128-{} with ReLU, SGD: batch {}, learning rate {}, momentum {}; {}, one thread a run",
                  data.train.height * data.train.width, data.classes, options.run.batch_size,
                  options.run.learning_rate, options.run.momentum,
                  pairs.size() == 1 ? fmt::format("seed {}", pairs[0].plain.settings.seed)
                                    : fmt::format("means over {} seeds", pairs.size()));
  fmt::print("{}\n{}\n", wrapped(what, width, "  "), wrapped(how, width, "  "));
  print_epochs(pairs, options.run.epochs, width);
  print_final(pairs, images, width);
}

}  // namespace keel::tools
