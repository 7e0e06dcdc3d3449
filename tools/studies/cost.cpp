// What does batch norm add: parameters, operations, memory, time?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/timed_start.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

constexpr std::array cost_arms{"plain", "bn"};
constexpr int full_rounds = 21;
constexpr int quick_rounds = 5;

std::string layers_text(int layers) {
  return layers == 1 ? "1 hidden layer of 128" : fmt::format("{} hidden layers of 128", layers);
}

std::optional<RunResult> run_cost(int rounds, const RunSettings& settings, const RunContext& context) {
  auto measures = measure_in_a_new_process({.what = "training",
                                            .inputs = context.data.train.height * context.data.train.width,
                                            .hidden = settings.hidden,
                                            .classes = context.data.classes,
                                            .batch_sizes = {settings.batch_size},
                                            .rounds = rounds,
                                            .seed = settings.seed},
                                           context.program, context.stop);
  if (!measures) return std::nullopt;
  RunResult result;
  result.settings = settings;
  result.measures = std::move(*measures);
  result.parameters = static_cast<std::int64_t>(measure(result, "bn_parameters"));
  return result;
}

// A number that is counted: the same in every start, or else none.
double counted_number(std::span<const RunResult> runs, const RunFilter& filter, const std::string& name) {
  double number = std::nan("");
  for (const auto& run : runs) {
    const double own = measure(run, name);
    if (!filter(run) || std::isnan(own)) continue;
    if (!std::isnan(number) && own != number) return std::nan("");
    number = own;
  }
  return number;
}

class CostStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "cost"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization adds complexity: parameters, operations, memory and time.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "The training step of one and of four hidden layers of 128 with ReLU, SGD with momentum, batch 64, on one "
           "thread. Trained numbers, running statistics, kernels, operations in products, memory touched and held "
           "are counted from the compiled step: they are what they are, without interval or p. Time is measured, "
           "with both steps taking turns, each seed in a start of the program of its own, and alone is judged.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "The scope of the times is one machine, one binary and so many starts of it as there are seeds, and no "
           "interval is narrower than what two starts differ by. This program fuses batch norm with its ReLU. The "
           "wider a layer, the smaller batch norm's share, since products grow with the square of the width and "
           "batch norm with the width; in convolutional networks, whose activations are large beside their weights, "
           "it is larger: a significant part of a ResNet-50's training time (Gitman and Ginsburg 2017). Fewer steps may pay "
           "for dearer ones (see convergence).";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    const int rounds = scale.quick ? quick_rounds : full_rounds;
    for (const int layers : {1, 4}) {
      for (const auto seed : seeds_of(scale)) {
        auto settings = settings_for(*this, scale, "plain and bn", seed);
        settings.factors = {{"network", layers_text(layers)}, {"rounds", rounds}};
        settings.hidden.assign(static_cast<std::size_t>(layers), 128);
        jobs.push_back(
            {.settings = settings,
             .cost = 0.3 + 0.05 * rounds,
             .alone = true,
             .run = [rounds](const RunSettings& s, const RunContext& c) { return run_cost(rounds, s, c); }});
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<Finding> findings;
    for (const auto& network : levels_of(runs, "network")) {
      std::vector<double> ratios;
      for (const auto& [seed, ratio] :
           by_seed(runs, with_factor("network", network),
                   [](const RunResult& run) { return measure(run, "bn_over_plain_seconds"); }))
        ratios.push_back(ratio);
      const double starts_differ = difference_of_starts(ratios);
      findings.push_back(tools::judge(
          {.name = fmt::format("time per step, batch norm / plain, {}", network.word()),
           .claim = fmt::format("A training step of {} takes longer with batch norm.", network.word()),
           .unit = "times",
           .scale = Endpoint::Scale::ratio,
           .least = 1.02,
           .resolution = starts_differ},
          ratios,
          fmt::format(
              "one machine, one binary, {} start{} of it; two starts differ by a factor of {:.3f} in the mean",
              ratios.size(), ratios.size() == 1 ? "" : "s", starts_differ)));
    }
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{.title = "Time of a training step",
                  .x = {.name = "network"},
                  .y = {.name = "time per step (\u00b5s)", .low = 0.0}};
    const auto networks = levels_of(runs, "network");
    for (const auto& network : networks) figure.x.categories.push_back(network.word());
    for (const char* arm : cost_arms) {
      Series line{.arm = arm, .label = label_of(arm)};
      for (std::size_t i = 0; i < networks.size(); ++i)
        line.points.push_back(point_at(static_cast<double>(i), times(runs, networks[i], arm)));
      figure.series.push_back(std::move(line));
    }
    return {figure};
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    std::vector<Table> tables;
    for (const auto& network : levels_of(runs, "network")) tables.push_back(table_of(runs, network));
    return tables;
  }

 private:
  static BySeed times(std::span<const RunResult> runs, const Factor& network, const std::string& arm) {
    return by_seed(runs, with_factor("network", network),
                   [&](const RunResult& run) { return 1e6 * measure(run, arm + "_seconds"); });
  }

  static Table table_of(std::span<const RunResult> runs, const Factor& network) {
    struct Row {
      const char* name;
      const char* key;
      double scale;
    };
    constexpr std::array counted{Row{"trained numbers", "parameters", 1.0},
                                 Row{"running statistics", "running_statistics", 1.0},
                                 Row{"kernels a step", "kernels", 1.0},
                                 Row{"operations in products a step, million", "product_operations", 1e-6},
                                 Row{"memory touched a step, KiB", "bytes_touched", 1.0 / 1024.0},
                                 Row{"memory for intermediate values, KiB", "arena_bytes", 1.0 / 1024.0}};
    Table table{.title = fmt::format("A training step of {}, batch 64: counted, and at last measured",
                                     network.word()),
                .header = {"", "plain", "batch norm", "difference"}};
    for (const auto& row : counted) {
      const auto number = [&](const char* arm) {
        return row.scale *
               counted_number(runs, with_factor("network", network), fmt::format("{}_{}", arm, row.key));
      };
      table.rows.push_back(row_of(row.name, number("plain"), number("bn")));
    }
    table.rows.push_back(row_of("time a step, \u00b5s, mean over the starts",
                                point_at(0.0, times(runs, network, "plain")).y,
                                point_at(0.0, times(runs, network, "bn")).y));
    return table;
  }

  static std::vector<std::string> row_of(const char* name, double plain, double bn) {
    return {
        name, cell_text(plain, 0), cell_text(bn, 0),
        plain > 0.0 ? fmt::format("{:+.1f} %", 100.0 * (bn / plain - 1.0)) : signed_cell_text(bn - plain, 0)};
  }
};

}  // namespace

std::unique_ptr<Study> cost_study() {
  return std::make_unique<CostStudy>();
}

}  // namespace keel::tools
