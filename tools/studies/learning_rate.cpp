// Does batch norm allow higher learning rates?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr double tolerated = 0.01;  // below the arm's best

std::optional<RunResult> run_learning_rate(const RunSettings& settings, const RunContext& context) {
  Network network{network_for(context.data, settings)};
  TrainingLoop loop{network, settings, context};
  loop.train();
  return loop.finish();
}

// The accuracies of one arm and seed by learning rate. A run that diverged has learned nothing.
std::map<double, double> accuracies(std::span<const RunResult> runs, const std::string& model,
                                    std::uint64_t seed) {
  std::map<double, double> result;
  for (const auto& run : runs) {
    if (run.settings.model == model && run.settings.seed == seed)
      result[run.settings.learning_rate] = run.diverged ? 0.0 : final_accuracy(run);
  }
  return result;
}

// The rates that do well: none where nothing was learned at all.
std::vector<double> good_rates(const std::map<double, double>& by_rate) {
  double best = 0.0;
  for (const auto& [rate, accuracy] : by_rate) best = std::max(best, accuracy);
  std::vector<double> good;
  for (const auto& [rate, accuracy] : by_rate)
    if (accuracy > 0.0 && accuracy >= best - tolerated) good.push_back(rate);
  return good;
}

bool all_known(const std::map<double, double>& by_rate) {
  return std::ranges::none_of(by_rate, [](const auto& point) { return std::isnan(point.second); });
}

// Decades of learning rate that do well: a rate of the grid stands for the stretch up to its neighbours.
double rate_width(const std::map<double, double>& by_rate) {
  if (!all_known(by_rate)) return std::nan("");
  const double spacing =
      std::log10(by_rate.rbegin()->first / by_rate.begin()->first) / static_cast<double>(by_rate.size() - 1);
  return static_cast<double>(good_rates(by_rate).size()) * spacing;
}

// The highest rate that does well; NaN if none does.
double highest(const std::map<double, double>& by_rate) {
  const auto good = good_rates(by_rate);
  return good.empty() || !all_known(by_rate) ? std::nan("") : good.back();
}

class LearningRateStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "learning-rate"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization enables higher learning rates.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "784-128x4-10 with ReLU, plain SGD without momentum, batch 64, at learning rates from 0.01 to 10. "
           "A rate does well if its final validation accuracy is within one point of the best rate of the "
           "same arm and seed; the width of an arm is the stretch of rates that do well, in decades. What "
           "diverges does not do well.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Batch norm makes a layer's output independent of the scale of its weights, so that a large rate "
           "grows the weights and thereby lowers the effective rate by itself (van Laarhoven 2017; Arora, Li "
           "and Lyu 2019): part of the width is that rates matter less, not that large ones are needed. The "
           "width is resolved to the grid's spacing.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (int half_decades = -4; half_decades <= 2; half_decades += scale.quick ? 2 : 1) {
      for (const auto seed : seeds_of(scale)) {
        for (const char* model : {"plain", "bn"}) {
          auto settings = settings_for(*this, scale, model, seed);
          settings.hidden = {128, 128, 128, 128};
          settings.learning_rate = std::pow(10.0, 0.5 * half_decades);
          settings.momentum = 0.0;
          settings.epochs = scale.quick ? 1 : 2;
          jobs.push_back(job_for(scale, settings, run_learning_rate));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<double> widths;
    std::vector<double> rates;
    for (const auto seed : seeds_of(runs)) {
      const auto plain = accuracies(runs, "plain", seed);
      const auto bn = accuracies(runs, "bn", seed);
      if (plain.size() < 2 || plain.size() != bn.size()) continue;
      widths.push_back(rate_width(bn) - rate_width(plain));
      rates.push_back(std::log10(highest(bn) / highest(plain)));
    }
    return {tools::judge({.name = "width of the rates that do well, batch norm - plain",
                          .claim = "With batch norm, a wider range of learning rates does well.",
                          .unit = "decades",
                          .least = 0.5},
                         widths),
            tools::judge({.name = "highest rate that does well, batch norm over plain",
                          .claim = "With batch norm, higher learning rates do well.",
                          .unit = "decades",
                          .least = 0.5},
                         rates)};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{.title = "Final validation accuracy by learning rate",
                  .x = {.name = "learning rate", .logarithmic = true},
                  .y = {.name = "validation accuracy (%)", .low = 0.0, .high = 100.0}};
    for (const char* model : {"plain", "bn"}) {
      Series series{.arm = model, .label = label_of(model)};
      std::map<double, std::vector<double>> by_rate;
      for (const auto& run : runs_of(runs, of_model(model)))
        by_rate[run.settings.learning_rate].push_back(100.0 * final_accuracy(run));
      for (const auto& [rate, values] : by_rate) series.points.push_back(point_at(rate, values));
      figure.series.push_back(std::move(series));
    }
    return {figure};
  }
};

}  // namespace

std::unique_ptr<Study> learning_rate_study() {
  return std::make_unique<LearningRateStudy>();
}

}  // namespace keel::tools
