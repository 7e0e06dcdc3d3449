// What does batch norm add: parameters, operations, memory, time?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/system/turns.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array cost_arms{"plain", "bn"};
constexpr int full_rounds = 41;
constexpr int quick_rounds = 11;

// A training step that can be called again and again on one batch.
class TimedStep {
 public:
  TimedStep(const RunSettings& settings, const DataSet& data, const char* model)
      : network_(network_for(data, with_model(settings, model))),
        sgd_({.learning_rate = settings.learning_rate, .momentum = settings.momentum}),
        step_(network_, sgd_, cross_entropy),
        batch_(data.train, settings.batch_size) {
    const Rng rng{settings.seed};
    initialize(network_, rng.stream("weights"));
    const auto split = tools::split(data.train.size(), settings.limit, rng);
    batch_.gather(std::span{split.training}.first(
        std::min<std::size_t>(static_cast<std::size_t>(settings.batch_size), split.training.size())));
  }

  void operator()() { step_(batch_.images(), batch_.labels()); }

  // What is counted, not timed.
  void count(const std::string& arm, Measures& measures) {
    double parameters = 0.0;
    double state = 0.0;
    for (const auto& [path, parameter] : keel::parameters(network_))
      (parameter->kind() == Parameter::Kind::trained ? parameters : state) +=
          static_cast<double>(parameter->shape().elements());
    const Plan& plan = step_.plan(batch_.images(), batch_.labels());
    double bytes = 0.0;
    for (const auto& step : plan.steps()) bytes += step.cost.bytes;
    measures[arm + "_parameters"] = {parameters};
    measures[arm + "_running_statistics"] = {state};
    measures[arm + "_kernels"] = {static_cast<double>(plan.steps().size())};
    measures[arm + "_bytes_touched"] = {bytes};
    measures[arm + "_arena_bytes"] = {static_cast<double>(plan.arena_bytes())};
  }

 private:
  static RunSettings with_model(RunSettings settings, const char* model) {
    settings.model = model;
    return settings;
  }

  Network network_;
  Sgd sgd_;
  TrainingStep<Network, Sgd, decltype(&cross_entropy)> step_;
  BatchGatherer batch_;
};

std::optional<RunResult> run_cost(int rounds, const RunSettings& settings, const RunContext& context) {
  RunResult result;
  result.settings = settings;
  TimedStep plain{settings, context.data, "plain"};
  TimedStep bn{settings, context.data, "bn"};
  plain.count("plain", result.measures);
  bn.count("bn", result.measures);
  result.parameters = static_cast<std::int64_t>(result.measures["bn_parameters"][0]);
  const std::array<std::function<void()>, 2> contenders{[&] { plain(); }, [&] { bn(); }};
  const auto times = time_in_turns(contenders, rounds);
  result.measures["plain_seconds"] = {1e-6 * median(times[0])};
  result.measures["bn_seconds"] = {1e-6 * median(times[1])};
  result.measures["bn_over_plain_seconds"] = {median_ratio(times[1], times[0])};
  return context.stop.stop_requested() ? std::nullopt : std::optional{std::move(result)};
}

class CostStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "cost"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization adds complexity: parameters, operations, memory and time.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "The training step of 784-128-10 and of 784-128x4-10 with ReLU, SGD with momentum, batch 64, on "
           "one "
           "thread: trained numbers, running statistics, kernels, memory touched and held are counted from "
           "the "
           "compiled step; time is measured with both steps taking turns.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Times are of this machine and program, which fuses batch norm with its ReLU; the wider a layer, "
           "the smaller batch norm's share, since products grow with the square of the width and batch norm "
           "with the width. Fewer steps may pay for dearer ones (see convergence).";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const int depth : {1, 4}) {
      for (const auto seed : seeds_of(scale)) {
        auto settings = settings_for(*this, scale, "plain and bn", seed);
        const int rounds = scale.quick ? quick_rounds : full_rounds;
        settings.factors = {{"network", depth == 1 ? "784-128-10" : "784-128x4-10"}, {"rounds", rounds}};
        settings.hidden.assign(static_cast<std::size_t>(depth), 128);
        jobs.push_back(
            {.settings = settings,
             .cost = 0.02 * rounds,
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
      const auto name = network.word();
      findings.push_back(
          tools::judge({.name = fmt::format("time per step, batch norm / plain, {}", name),
                        .claim = fmt::format("A training step of {} takes longer with batch norm.", name),
                        .unit = "times",
                        .scale = Endpoint::Scale::ratio,
                        .least = 1.02},
                       ratios));
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
      for (std::size_t i = 0; i < networks.size(); ++i) {
        line.points.push_back(
            point_at(static_cast<double>(i),
                     by_seed(runs, with_factor("network", networks[i]), [&](const RunResult& run) {
                       return 1e6 * measure(run, fmt::format("{}_seconds", arm));
                     })));
      }
      figure.series.push_back(std::move(line));
    }
    return {figure};
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    struct Row {
      const char* name;
      const char* key;
      double scale;
      int digits;
    };
    constexpr std::array rows{Row{"trained numbers", "parameters", 1.0, 0},
                              Row{"running statistics", "running_statistics", 1.0, 0},
                              Row{"kernels a step", "kernels", 1.0, 0},
                              Row{"memory touched a step, KiB", "bytes_touched", 1.0 / 1024.0, 0},
                              Row{"memory for intermediate values, KiB", "arena_bytes", 1.0 / 1024.0, 0},
                              Row{"time a step, \u00b5s", "seconds", 1e6, 0}};
    std::vector<Table> tables;
    for (const auto& network : levels_of(runs, "network")) {
      Table table{.title = fmt::format("A training step of {}, batch 64", network.word()),
                  .header = {"", "plain", "batch norm", "difference"}};
      for (const auto& row : rows) {
        std::vector<std::string> cells{row.name};
        std::array<double, 2> means{};
        for (std::size_t i = 0; i < cost_arms.size(); ++i) {
          means[i] = point_at(0.0, by_seed(runs, with_factor("network", network),
                                           [&](const RunResult& run) {
                                             return row.scale *
                                                    measure(run, fmt::format("{}_{}", cost_arms[i], row.key));
                                           }))
                         .y;
          cells.push_back(fmt::format("{:.{}f}", means[i], row.digits));
        }
        cells.push_back(means[0] > 0.0 ? fmt::format("{:+.1f} %", 100.0 * (means[1] / means[0] - 1.0))
                                       : fmt::format("{:+.{}f}", means[1] - means[0], row.digits));
        table.rows.push_back(std::move(cells));
      }
      tables.push_back(std::move(table));
    }
    return tables;
  }
};

}  // namespace

std::unique_ptr<Study> cost_study() {
  return std::make_unique<CostStudy>();
}

}  // namespace keel::tools
