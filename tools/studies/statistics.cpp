// Which statistics should batch norm use in inference: a moving average, or those of the whole training set?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/models/population_statistics.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/cells.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/training/moving_statistics.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array statistics_momenta{0.1, 0.01, 0.001};
constexpr std::array<std::int64_t, 3> statistics_looks{20, 100, 1000};  // steps
constexpr double usual_momentum = statistics_momenta[0];                // of the layers
constexpr double slowest_momentum = statistics_momenta[2];
constexpr double least_gap = 0.01;                // nats
constexpr std::size_t most_images_looked = 4000;  // of the validation images
constexpr std::int64_t quick_statistics_images = 12000;

std::string moving_name(double momentum) {
  return fmt::format("moving_{}_loss", momentum);
}

std::string corrected_name(double momentum) {
  return fmt::format("corrected_{}_loss", momentum);
}

// The validation loss with each kind of statistics, all of the same weights.
class StatisticsLook {
 public:
  StatisticsLook(Network& network, TrainingLoop& loop, std::int64_t batch_size)
      : network_(network),
        loop_(loop),
        moving_(parameters(network), usual_momentum, statistics_momenta),
        images_(std::span{loop.split().validation}.first(
            std::min(loop.split().validation.size(), most_images_looked))),
        evaluate_([&](const Var& images) { return network(images); }),
        with_batch_statistics_([&](const Var& images) { return network(images); }, batch_size,
                               Mode::training) {}

  void after_step(std::int64_t step) {
    moving_.take_in();
    if (std::ranges::find(statistics_looks, step) != statistics_looks.end()) look(step);
  }

 private:
  void look(std::int64_t step) {
    const StatisticsGuard guard{parameters(network_)};
    loop_.measures()["steps"].push_back(static_cast<double>(step));
    for (std::size_t i = 0; i < statistics_momenta.size(); ++i) {
      moving_.put(i);
      record(moving_name(statistics_momenta[i]), evaluate_);
      moving_.put_corrected(i);
      record(corrected_name(statistics_momenta[i]), evaluate_);
    }
    record("batch_loss", with_batch_statistics_);
    population_statistics(network_, [&](const BatchConsumer& consume) {
      hand_out(loop_.data().train, loop_.split().training, consume);
    });
    record("population_loss", evaluate_);
  }

  void record(const std::string& name, Evaluator& evaluator) {
    loop_.measures()[name].push_back(evaluator(loop_.data().train, images_).loss);
  }

  Network& network_;
  TrainingLoop& loop_;
  MovingStatistics moving_;
  std::span<const std::int32_t> images_;
  Evaluator evaluate_;
  Evaluator with_batch_statistics_;
};

std::optional<RunResult> run_statistics(const RunSettings& settings, const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.batch_norm.momentum = usual_momentum;
  Network network{options};
  TrainingLoop loop{network, settings, context};
  StatisticsLook look{network, loop, settings.batch_size};
  loop.train([&](std::int64_t step, double) {
    look.after_step(step);
    return step < statistics_looks.back();
  });
  return loop.finish();
}

// By seed, how much more the one kind of statistics loses at a look than the other.
std::vector<double> statistics_gaps(std::span<const RunResult> runs, const std::string& from,
                                    const std::string& to, std::size_t look) {
  std::vector<double> gaps;
  for (const auto& run : runs) {
    const auto a = series(run, from);
    const auto b = series(run, to);
    gaps.push_back(look < std::min(a.size(), b.size()) ? a[look] - b[look] : std::nan(""));
  }
  return gaps;
}

Endpoint gap_endpoint(const std::string& name, const std::string& claim) {
  return {.name = "validation loss at the end of training, " + name,
          .claim = claim,
          .unit = "nats",
          .least = least_gap};
}

class StatisticsStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "statistics"; }
  [[nodiscard]] std::string claim() const override {
    return "In inference batch normalization needs the statistics of the whole training set: the usual moving "
           "average is behind them.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "One hidden layer of 128 with batch norm and ReLU, batch 64, learning rate 0.01, momentum 0.9, for "
           "1,000 steps. Running averages with momentum 0.1 (the usual one), 0.01 and 0.001 are kept of the same "
           "batches, as the layers keep them and bias-corrected: divided by 1 - (1 - m)^t after t steps, the share "
           "of the initial values 0 and 1 taken out first. The loss on up to 4,000 validation images with each of "
           "them, with the mean and variance of the whole training set under the same weights, and with the "
           "statistics of validation batches of 64: after 20, 100 and 1,000 steps, of which the last is judged.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "A moving average starts from mean 0 and variance 1 and forgets that start only after about 1/momentum "
           "steps; bias correction (as in Adam, Kingma and Ba 2015) takes it out exactly. What is left is that the "
           "weights move while the average is taken. Wu and Johnson (2021) found precise statistics, of 1,000 to 10,000 "
           "images, better than moving averages in the midst of training and with large batches, and about equal at "
           "the end of ordinary training, when the learning rate has fallen and the weights hardly move. The rate "
           "here does not fall. The share of cells that hold depends on the grid and is a count, not an effect.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      auto settings = settings_for(*this, scale, "bn", seed);
      if (scale.quick)
        settings.limit =
            scale.limit > 0 ? std::min(scale.limit, quick_statistics_images) : quick_statistics_images;
      const auto an_epoch = steps_per_epoch(scale, settings);
      settings.epochs = static_cast<int>((statistics_looks.back() + an_epoch - 1) / an_epoch);
      auto job = job_for(scale, settings, run_statistics);
      job.cost *= 4.0;  // the looks
      jobs.push_back(std::move(job));
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto at_end = [&](const std::string& from, const std::string& to) {
      return statistics_gaps(runs, from, to, statistics_looks.size() - 1);
    };
    std::vector<Finding> findings;
    for (const double momentum : statistics_momenta) {
      const auto name = fmt::format("moving average with momentum {} - population", momentum);
      const auto claim =
          fmt::format("With momentum {} a moving average is behind population statistics.", momentum);
      findings.push_back(
          tools::judge(gap_endpoint(name, claim), at_end(moving_name(momentum), "population_loss")));
    }
    const auto moving = moving_name(slowest_momentum);
    const auto corrected = corrected_name(slowest_momentum);
    const auto slow = fmt::format("momentum {}", slowest_momentum);
    findings.push_back(tools::judge(
        gap_endpoint("moving average - bias-corrected, " + slow,
                     "With " + slow + " bias correction takes back what the initial values cost."),
        at_end(moving, corrected)));
    findings.push_back(tools::judge(
        gap_endpoint("bias-corrected - population, " + slow,
                     "With " + slow + " a bias-corrected average is still behind population statistics."),
        at_end(corrected, "population_loss")));
    findings.push_back(
        tools::judge(gap_endpoint("batch statistics - population",
                                  "Population statistics classify better than the batch's own."),
                     at_end("batch_loss", "population_loss")));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    std::vector<Figure> figures;
    for (const double momentum : statistics_momenta) {
      Figure figure{.title = fmt::format("Validation loss by statistics, momentum {}", momentum),
                    .x = {.name = "steps", .logarithmic = true},
                    .y = {.name = "validation loss (nats)", .logarithmic = true}};
      const auto add = [&](const char* arm, const char* label, const std::string& name, bool dashed = false) {
        figure.series.push_back(
            {.arm = arm, .label = label, .points = by_look(runs, name), .dashed = dashed});
      };
      add("moving", "moving average", moving_name(momentum));
      add("moving", "bias-corrected average", corrected_name(momentum), true);
      add("population", "population statistics", "population_loss");
      add("batch", "batch statistics", "batch_loss");
      figures.push_back(std::move(figure));
    }
    return figures;
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    const auto cells = [&](auto name_of_kind) {
      std::vector<Cell> all;
      for (const double momentum : statistics_momenta)
        for (std::size_t i = 0; i < statistics_looks.size(); ++i)
          all.push_back({fmt::format("momentum {}, {} steps", momentum, statistics_looks[i]),
                         statistics_gaps(runs, name_of_kind(momentum), "population_loss", i)});
      return all;
    };
    const Endpoint gap{.name = {}, .claim = {}, .unit = "nats", .least = least_gap};
    return {cell_table("Moving average behind population statistics", gap, cells(moving_name)),
            cell_table("Bias-corrected average behind population statistics", gap, cells(corrected_name)),
            loss_table(runs)};
  }

 private:
  static BySeed losses(std::span<const RunResult> runs, const std::string& name, std::size_t look) {
    return by_seed(
        runs, [](const RunResult&) { return true; },
        [&](const RunResult& run) {
          const auto values = series(run, name);
          return look < values.size() ? values[look] : std::nan("");
        });
  }

  static std::vector<Point> by_look(std::span<const RunResult> runs, const std::string& name) {
    std::vector<Point> points;
    for (std::size_t i = 0; i < statistics_looks.size(); ++i)
      points.push_back(point_at(static_cast<double>(statistics_looks[i]), losses(runs, name, i)));
    return points;
  }

  static Table loss_table(std::span<const RunResult> runs) {
    Table table{.title = "Validation loss in nats, means over the seeds",
                .header = {"momentum, steps", "moving average", "bias-corrected", "population", "batch"}};
    for (const double momentum : statistics_momenta) {
      for (std::size_t i = 0; i < statistics_looks.size(); ++i) {
        std::vector<std::string> row{fmt::format("{}, {}", momentum, statistics_looks[i])};
        for (const auto& name : {moving_name(momentum), corrected_name(momentum),
                                 std::string{"population_loss"}, std::string{"batch_loss"}})
          row.push_back(cell_text(point_at(0.0, losses(runs, name, i)).y, 4));
        table.rows.push_back(std::move(row));
      }
    }
    return table;
  }
};

}  // namespace

std::unique_ptr<Study> statistics_study() {
  return std::make_unique<StatisticsStudy>();
}

}  // namespace keel::tools
