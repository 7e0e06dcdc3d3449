#include "keel/tools/commands/compare_table.hpp"

#include <fmt/format.h>

#include <map>

#include "keel/tools/data/batches.hpp"
#include "keel/tools/findings/statistics.hpp"

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

void print_epochs(std::span<const SeedPair> pairs, int epochs) {
  constexpr auto heading = "{:>10}  {:>10}  {:>9}  {:>6}";
  const auto columns = fmt::format(heading, "train loss", "val. loss", "val. acc.", "s");
  fmt::print("\n{:5}  {:^41}    {:^41}\n", "", "plain", "batch norm");
  fmt::print("{:>5}  {}    {}\n", "epoch", columns, columns);
  const auto row = [](const EpochResult& epoch) {
    return fmt::format("{:10.4f}  {:10.4f}  {:7.2f} %  {:6.2f}", epoch.train_loss, epoch.validation.loss,
                       100.0 * epoch.validation.accuracy, epoch.seconds);
  };
  for (int i = 0; i < epochs; ++i) {
    const auto index = static_cast<std::size_t>(i);
    fmt::print("{:5}  {}    {}\n", i + 1, row(mean_epoch(pairs, &SeedPair::plain, index)),
               row(mean_epoch(pairs, &SeedPair::bn, index)));
  }
}

std::string with_spread(const Summary& summary, bool percent) {
  const double scale = percent ? 100.0 : 1.0;
  const int digits = percent ? 2 : 4;
  auto text = fmt::format("{:.{}f}", scale * summary.mean, digits);
  if (summary.sd) text += fmt::format(" +- {:.{}f}", scale * *summary.sd, digits);
  return text + (percent ? " %" : "");
}

std::string difference_text(const PairedDifference& difference, bool percent) {
  const double scale = percent ? 100.0 : 1.0;
  const int digits = percent ? 2 : 4;
  auto text = fmt::format("{:+.{}f}", scale * difference.mean, digits);
  if (difference.low) {
    text += fmt::format("  [{:+.{}f}, {:+.{}f}]", scale * *difference.low, digits, scale * *difference.high,
                        digits);
  }
  if (difference.p) text += fmt::format("  p = {:.3g}", *difference.p);
  return text;
}

void print_final(std::span<const SeedPair> pairs) {
  const bool several = pairs.size() > 1;
  fmt::print("\n{:<20}  {:>17}  {:>17}  {}\n", several ? "final, mean +- sd" : "final", "plain", "batch norm",
             several ? "difference  [95 % interval]" : "difference");
  for (const auto& measure : compared_measures()) {
    const auto plain = values(pairs, &SeedPair::plain, measure);
    const auto bn = values(pairs, &SeedPair::bn, measure);
    fmt::print("{:<20}  {:>17}  {:>17}  {}\n", measure.name, with_spread(summarize(plain), measure.percent),
               with_spread(summarize(bn), measure.percent),
               difference_text(paired_difference(plain, bn), measure.percent));
  }
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
  const auto [images, validation] = split_sizes(data.train.size(), options.run.limit);
  fmt::print("{}: {} training, {} validation and {} test images of {} x {}, {} classes\n", data.name, images,
             validation, data.test.size(), data.train.height, data.train.width, data.classes);
  fmt::print("{}-128-{} with ReLU, SGD: batch {}, learning rate {}, momentum {}; {}\n",
             data.train.height * data.train.width, data.classes, options.run.batch_size,
             options.run.learning_rate, options.run.momentum,
             pairs.size() == 1 ? fmt::format("seed {}", pairs[0].plain.settings.seed)
                               : fmt::format("means over {} seeds", pairs.size()));
  print_epochs(pairs, options.run.epochs);
  print_final(pairs);
  fmt::print("{:<20}  {:>17.0f}  {:>17.0f}  images a second, one thread a run\n", "training speed",
             speed(pairs, &SeedPair::plain, images), speed(pairs, &SeedPair::bn, images));
}

}  // namespace keel::tools
