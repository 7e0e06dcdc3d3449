// Does batch norm make training less sensitive to the initial weights?

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

struct Start {
  const char* name;
  double deviation;  // of the weights; 0 for He's
};

constexpr std::array starts{Start{"1e-4", 1e-4}, Start{"1e-3", 1e-3}, Start{"0.01", 0.01},
                            Start{"He", 0.0},    Start{"0.3", 0.3},   Start{"1", 1.0}};

InitializerRule weights_of(const Start& start) {
  return start.deviation > 0.0 ? initializers::normal(0.0, start.deviation) : initializers::kaiming_normal();
}

std::optional<RunResult> run_initialization(const Start& start, const RunSettings& settings,
                                            const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.weights = weights_of(start);
  options.bias_values = initializers::constant(0.0);
  Network network{options};
  TrainingLoop loop{network, settings, context};
  loop.train();
  return loop.finish();
}

// The worst accuracy over all starts, by seed. A network whose loss is no longer finite has been validated
// all the same, so its accuracy is that of guessing.
BySeed worst(std::span<const RunResult> runs, const std::string& model) {
  BySeed result;
  for (const auto& run : runs) {
    if (run.settings.model != model) continue;
    const auto [at, first] = result.emplace(run.settings.seed, final_accuracy(run));
    if (!first) at->second = lesser(at->second, final_accuracy(run));
  }
  return result;
}

class InitializationStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "initialization"; }
  [[nodiscard]] std::string claim() const override {
    return "With batch normalization training is less sensitive to the initial weights.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "784-128x4-10 with ReLU from normal weights of standard deviation 1e-4, 1e-3, 0.01, He's rule, "
           "0.3 "
           "and 1, biases zero; SGD, learning rate 0.01, momentum 0.9, batch 64. The effect is the worst "
           "final validation accuracy over these starts.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Batch norm removes the scale of the weights only as long as the variance of what they give is "
           "large against epsilon (1e-5): in the first layer here that ends at a standard deviation of about "
           "4e-4, and below, epsilon takes over. The last layer is not normalized, so its start matters in "
           "both arms. A plain network started by He's rule needs no help.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& start : starts) {
      const std::string name = start.name;
      if (scale.quick && (name == "1e-3" || name == "0.01" || name == "0.3")) continue;
      for (const auto seed : seeds_of(scale)) {
        for (const char* model : {"plain", "bn"}) {
          auto settings = settings_for(*this, scale, model, seed);
          settings.factors.set("start", name);
          settings.hidden = {128, 128, 128, 128};
          settings.epochs = scale.quick ? 1 : 2;
          jobs.push_back(job_for(scale, settings, [&start](const RunSettings& s, const RunContext& c) {
            return run_initialization(start, s, c);
          }));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    return {tools::judge({.name = "worst accuracy over the starts, batch norm - plain",
                          .claim = "The worst start does less harm with batch norm.",
                          .unit = "points",
                          .least = 5.0},
                         pairwise(worst(runs, "bn"), worst(runs, "plain"),
                                  [](double bn, double plain) { return 100.0 * (bn - plain); }))};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{.title = "Final validation accuracy by the start of the weights",
                  .x = {.name = "standard deviation of the initial weights"},
                  .y = {.name = "validation accuracy (%)", .low = 0.0, .high = 100.0}};
    const auto levels = levels_of(runs, "start");
    for (const auto& level : levels) figure.x.categories.push_back(level.word());
    for (const char* model : {"plain", "bn"}) {
      Series series{.arm = model, .label = label_of(model)};
      for (std::size_t i = 0; i < levels.size(); ++i) {
        series.points.push_back(point_at(
            static_cast<double>(i), by_seed(runs, of_model(model) && with_factor("start", levels[i]),
                                            [](const auto& run) { return 100.0 * final_accuracy(run); })));
      }
      figure.series.push_back(std::move(series));
    }
    return {figure};
  }
};

}  // namespace

std::unique_ptr<Study> initialization_study() {
  return std::make_unique<InitializationStudy>();
}

}  // namespace keel::tools
