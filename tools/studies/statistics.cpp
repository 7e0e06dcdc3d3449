// Which statistics should batch norm use in inference: a moving average, or those of the whole training set?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/models/population_statistics.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array momenta{0.1, 0.01, 0.001};
constexpr std::array<std::int64_t, 3> statistics_looks{20, 100, 1000};  // steps
constexpr std::array kinds{"moving", "population", "batch"};

std::string loss_name(const std::string& kind) {
  return kind + "_loss";
}

// The validation loss with each kind of statistics, after which the network is as it was.
void look(Network& network, TrainingLoop& loop, std::int64_t batch_size) {
  auto& measures = loop.measures();
  measures[loss_name("moving")].push_back(loop.validate().loss);
  const auto& validation = loop.split().validation;
  const StatisticsGuard guard{parameters(network)};
  Evaluator with_batch_statistics{[&](const Var& batch) { return network(batch); }, batch_size,
                                  Mode::training};
  measures[loss_name("batch")].push_back(with_batch_statistics(loop.data().train, validation).loss);

  population_statistics(network, [&](const BatchConsumer& consume) {
    constexpr std::size_t size = 1000;
    BatchGatherer batch{loop.data().train, size};
    const std::span training{loop.split().training};
    for (std::size_t begin = 0; begin < training.size(); begin += size) {
      batch.gather(training.subspan(begin, std::min(size, training.size() - begin)));
      consume(batch.images());
    }
  });
  measures[loss_name("population")].push_back(loop.validate().loss);
}

std::optional<RunResult> run_statistics(const RunSettings& settings, const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.batch_norm.momentum = settings.factors.at("bn_momentum").number();
  Network network{options};
  TrainingLoop loop{network, settings, context};
  loop.train([&](std::int64_t step, double) {
    if (std::ranges::find(statistics_looks, step) != statistics_looks.end())
      look(network, loop, settings.batch_size);
    return step < statistics_looks.back();
  });
  return loop.finish();
}

class StatisticsStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "statistics"; }
  [[nodiscard]] std::string claim() const override {
    return "In inference batch normalization uses a moving average, or the statistics of the whole training "
           "set.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "784-128-10 with batch norm and ReLU, batch 64, learning rate 0.01, momentum 0.9; running "
           "averages "
           "with momentum 0.1, 0.01 and 0.001, after 20, 100 and 1,000 steps. The validation loss with the "
           "moving average, with the mean and variance of the whole training set under the same weights, and "
           "with the statistics of validation batches of 64.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "A moving average starts from mean 0 and variance 1 and forgets that start only after about "
           "1/momentum steps; PyTorch's default (0.1) has then long forgotten it. The gap is therefore one "
           "of "
           "short training or small momentum, and Wu and Johnson (2021) found population statistics better "
           "than moving averages in practice for just that reason. All three momenta train the same weights.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const double momentum : momenta) {
      for (const auto seed : seeds_of(scale)) {
        auto settings = settings_for(*this, scale, "bn", seed);
        settings.factors.set("bn_momentum", momentum);
        const auto an_epoch = steps_per_epoch(scale, settings);
        settings.epochs = static_cast<int>((statistics_looks.back() + an_epoch - 1) / an_epoch);
        jobs.push_back(job_for(scale, settings, run_statistics));
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<Finding> findings;
    findings.push_back(
        tools::judge({.name = "validation loss, moving average - population, mean over the grid",
                      .claim = "Population statistics close the gap that a moving average leaves.",
                      .unit = "nats",
                      .least = 0.01},
                     gaps(
                         runs, [](const RunResult&) { return true; }, "moving", "population")));
    for (const double momentum : momenta) {
      findings.push_back(tools::judge(
          {.name = fmt::format("validation loss, moving average - population, momentum {}", momentum),
           .claim =
               fmt::format("With momentum {} a moving average is behind population statistics.", momentum),
           .unit = "nats",
           .least = 0.01},
          gaps(runs, with_factor("bn_momentum", momentum), "moving", "population")));
    }
    findings.push_back(
        tools::judge({.name = "validation loss, batch statistics - population, mean over the grid",
                      .claim = "Population statistics classify better than the batch's own.",
                      .unit = "nats"},
                     gaps(
                         runs, [](const RunResult&) { return true; }, "batch", "population")));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    std::vector<Figure> figures;
    for (const auto& momentum : levels_of(runs, "bn_momentum")) {
      Figure figure{.title = fmt::format("Validation loss by statistics, momentum {}", momentum.number()),
                    .x = {.name = "steps", .logarithmic = true},
                    .y = {.name = "validation loss (nats)", .logarithmic = true}};
      for (const char* kind : kinds) {
        Series line{.arm = kind, .label = label(kind)};
        for (std::size_t i = 0; i < statistics_looks.size(); ++i)
          line.points.push_back(
              point_at(static_cast<double>(statistics_looks[i]), losses(runs, momentum, kind, i)));
        figure.series.push_back(std::move(line));
      }
      figures.push_back(std::move(figure));
    }
    return figures;
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    Table table{.title = "Validation loss in nats, means over the seeds",
                .header = {"momentum, steps", "moving average", "population", "batch"}};
    for (const auto& momentum : levels_of(runs, "bn_momentum")) {
      for (std::size_t i = 0; i < statistics_looks.size(); ++i) {
        std::vector<std::string> row{fmt::format("{}, {}", momentum.number(), statistics_looks[i])};
        for (const char* kind : kinds)
          row.push_back(fmt::format("{:.4f}", point_at(0.0, losses(runs, momentum, kind, i)).y));
        table.rows.push_back(std::move(row));
      }
    }
    return {table};
  }

 private:
  static std::string label(const std::string& kind) {
    if (kind == "moving") return "moving average";
    return kind == "batch" ? "batch statistics" : "population statistics";
  }

  static BySeed losses(std::span<const RunResult> runs, const Factor& momentum, const std::string& kind,
                       std::size_t look) {
    return by_seed(runs, with_factor("bn_momentum", momentum), [&](const RunResult& run) {
      const auto values = series(run, loss_name(kind));
      return look < values.size() ? values[look] : std::nan("");
    });
  }

  // By seed, the mean difference over the cells of the grid.
  static std::vector<double> gaps(std::span<const RunResult> runs, const RunFilter& filter,
                                  const std::string& from, const std::string& to) {
    std::map<std::uint64_t, std::vector<double>> cells;
    for (const auto& run : runs_of(runs, filter)) {
      const auto a = series(run, loss_name(from));
      const auto b = series(run, loss_name(to));
      for (std::size_t i = 0; i < statistics_looks.size(); ++i)
        cells[run.settings.seed].push_back(i < std::min(a.size(), b.size()) ? a[i] - b[i] : std::nan(""));
    }
    std::vector<double> result;
    for (const auto& [seed, values] : cells) result.push_back(mean_of(values));
    return result;
  }
};

}  // namespace

std::unique_ptr<Study> statistics_study() {
  return std::make_unique<StatisticsStudy>();
}

}  // namespace keel::tools
