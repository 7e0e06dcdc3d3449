// Does batch norm allow higher learning rates?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/observed.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array rate_arms{"plain", "he", "ln", "bn"};
constexpr double tolerated = 0.01;  // below the arm's best

std::optional<RunResult> run_learning_rate(const RunSettings& settings, const RunContext& context) {
  Network network{network_for(context.data, settings)};
  TrainingLoop loop{network, settings, context};
  loop.train();
  return loop.finish();
}

// The accuracies of one arm and seed by learning rate. A run that diverged has learned nothing.
using ByRate = std::map<double, double>;
std::map<std::uint64_t, ByRate> accuracies_by_seed(std::span<const RunResult> runs,
                                                   const std::string& model) {
  std::map<std::uint64_t, ByRate> result;
  for (const auto& run : runs) {
    if (run.settings.model == model)
      result[run.settings.seed][run.settings.learning_rate] = has_learned(run) ? final_accuracy(run) : 0.0;
  }
  return result;
}

double best_of(const ByRate& by_rate) {
  double best = 0.0;
  for (const auto& [rate, accuracy] : by_rate) best = std::max(best, accuracy);
  return best;
}

// The rates that do well: none where nothing was learned at all.
std::vector<double> good_rates(const ByRate& by_rate) {
  const double best = best_of(by_rate);
  std::vector<double> good;
  for (const auto& [rate, accuracy] : by_rate)
    if (accuracy > 0.0 && accuracy >= best - tolerated) good.push_back(rate);
  return good;
}

bool all_known(const ByRate& by_rate) {
  return std::ranges::none_of(by_rate, [](const auto& point) { return std::isnan(point.second); });
}

// Decades from one rate of the grid to the next.
double spacing_of(const ByRate& by_rate) {
  if (by_rate.size() < 2) return 0.0;
  return std::log10(by_rate.rbegin()->first / by_rate.begin()->first) /
         static_cast<double>(by_rate.size() - 1);
}

// Decades of learning rate that do well: a rate of the grid stands for the stretch up to its neighbours. At
// least so many where the rates at an end of the grid do well, or none does.
Observation rate_width(const ByRate& by_rate) {
  if (!all_known(by_rate)) return {std::nan("")};
  const auto good = good_rates(by_rate);
  const bool is_bound =
      good.empty() || good.front() == by_rate.begin()->first || good.back() == by_rate.rbegin()->first;
  return {static_cast<double>(good.size()) * spacing_of(by_rate),
          is_bound ? Observation::Kind::at_least : Observation::Kind::exact};
}

// The decimal logarithm of the highest rate that does well. Where that is the grid's highest, it is at least
// so; where no rate does well, it is at most the grid's lowest.
Observation highest_rate(const ByRate& by_rate) {
  if (!all_known(by_rate)) return {std::nan("")};
  const auto good = good_rates(by_rate);
  if (good.empty()) return {std::log10(by_rate.begin()->first), Observation::Kind::at_most};
  const bool is_last = good.back() == by_rate.rbegin()->first;
  return {std::log10(good.back()), is_last ? Observation::Kind::at_least : Observation::Kind::exact};
}

ObservedBySeed of_each_seed(const std::map<std::uint64_t, ByRate>& seeds,
                            Observation (*quantity)(const ByRate&)) {
  ObservedBySeed result;
  for (const auto& [seed, by_rate] : seeds) result[seed] = quantity(by_rate);
  return result;
}

class LearningRateStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "learning-rate"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization enables higher learning rates.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Four hidden layers of 128 with ReLU, plain SGD without momentum, batch 64, two epochs at "
           "learning rates from 0.01 to 10 in quarters of a decade (one epoch from 0.1 on in halves with "
           "--quick): plain, plain started by He's rule, layer norm and batch norm. A rate does well if its "
           "final validation accuracy is within one point of the best rate of the same arm and seed; what "
           "diverges does not. The effect is by how many decades the highest such rate is higher with batch "
           "norm; the width of an arm is the stretch of rates that do well. Where the grid ends among rates "
           "that do well, its end is a bound.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Batch norm makes a layer's output independent of the scale of its weights, so that a large rate "
           "grows the weights and thereby lowers the effective rate by itself (van Laarhoven 2017; Arora, "
           "Li and Lyu 2019): part of the effect is that rates matter less, not that large ones are needed. "
           "Ioffe and Szegedy 2015 raised the rate of an Inception network 5 and 30 times; Bjorck et al. "
           "2018 hold that the higher rate is the whole of the gain. An arm's start and any other norm move "
           "the rate as well: what layer norm gains is not due to the batch. Each arm is held against its "
           "own best, so that a high rate that does well need not do better than a low one of another arm.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (int quarter_decades = scale.quick ? -4 : -8; quarter_decades <= 4;
         quarter_decades += scale.quick ? 2 : 1) {
      for (const auto seed : seeds_of(scale)) {
        for (const char* model : rate_arms) {
          auto settings = settings_for(*this, scale, model, seed);
          settings.hidden = {128, 128, 128, 128};
          settings.learning_rate = std::pow(10.0, 0.25 * quarter_decades);
          settings.momentum = 0.0;
          settings.epochs = scale.quick ? 1 : 2;
          jobs.push_back(job_for(scale, settings, run_learning_rate));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto bn = accuracies_by_seed(runs, "bn");
    const double spacing = bn.empty() ? 0.0 : spacing_of(bn.begin()->second);
    const auto finding = [&](const char* other, Endpoint endpoint, Observation (*quantity)(const ByRate&)) {
      endpoint.unit = "decades";
      endpoint.least = 0.5;
      endpoint.resolution = spacing;
      const auto values = pairwise(of_each_seed(bn, quantity),
                                   of_each_seed(accuracies_by_seed(runs, other), quantity), difference);
      return tools::judge(endpoint, values);
    };
    const auto higher = [&](const char* other, const std::string& claim) {
      return finding(other,
                     {.name = fmt::format("highest rate that does well, batch norm over {}", label_of(other)),
                      .claim = claim},
                     highest_rate);
    };
    return {higher("plain", "With batch norm, higher learning rates do well."),
            finding("plain",
                    {.name = "width of the rates that do well, batch norm - plain",
                     .claim = "With batch norm, a wider range of learning rates does well."},
                    rate_width),
            higher("he", "Higher rates do well with batch norm than with He's start alone."),
            higher("ln", "Higher rates do well with batch norm than with layer norm.")};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{.title = "Final validation accuracy by learning rate",
                  .x = {.name = "learning rate", .logarithmic = true},
                  .y = {.name = "validation accuracy (%)", .low = 0.0, .high = 100.0}};
    for (const char* model : rate_arms) {
      Series series{.arm = model, .label = label_of(model)};
      std::map<double, std::vector<double>> by_rate;
      for (const auto& run : runs_of(runs, of_model(model)))
        by_rate[run.settings.learning_rate].push_back(100.0 * final_accuracy(run));
      for (const auto& [rate, values] : by_rate) series.points.push_back(point_at(rate, values));
      figure.series.push_back(std::move(series));
    }
    return {figure};
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    Table table{.title = "Rates that do well, means over the seeds (of the highest the geometric one)",
                .header = {"arm", "highest", "decades", "accuracy at the best"}};
    for (const char* model : rate_arms) {
      const auto seeds = accuracies_by_seed(runs, model);
      if (seeds.empty()) continue;
      std::vector<double> best;
      for (const auto& [seed, by_rate] : seeds)
        best.push_back(all_known(by_rate) ? 100.0 * best_of(by_rate) : std::nan(""));
      const auto highest = mean_with_bounds(of_each_seed(seeds, highest_rate));
      const auto width = mean_with_bounds(of_each_seed(seeds, rate_width));
      table.rows.push_back({label_of(model),
                            fmt::format("{}{:.2g}", words_of(highest.kind), std::pow(10.0, highest.value)),
                            fmt::format("{}{:.2f}", words_of(width.kind), width.value),
                            fmt::format("{:.2f} %", mean_of(best))});
    }
    return {table};
  }

 private:
  static Observation mean_with_bounds(const ObservedBySeed& seeds) {
    std::vector<Observation> values;
    double sum = 0.0;
    for (const auto& [seed, value] : seeds) {
      values.push_back(value);
      sum += value.value;
    }
    return {sum / static_cast<double>(values.size()), bound_of(values)};
  }

  static std::string words_of(Observation::Kind kind) {
    if (kind == Observation::Kind::at_least) return "at least ";
    if (kind == Observation::Kind::at_most) return "at most ";
    return kind == Observation::Kind::unknown ? "about " : "";
  }
};

}  // namespace

std::unique_ptr<Study> learning_rate_study() {
  return std::make_unique<LearningRateStudy>();
}

}  // namespace keel::tools
