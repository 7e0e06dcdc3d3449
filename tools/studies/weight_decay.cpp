// With normalization, does weight decay act through the effective learning rate alone?

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "keel/models/freeze.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/weight_decay_figures.hpp"
#include "keel/tools/training/scaled_weights.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr int decay_looks = 40;           // along a run
constexpr double rescaling = 1.0 / 3.0;   // of the weights: no power of two, so that rounding differs
constexpr double path_resolution = 1e-7;  // of losses in f32
constexpr double expected_exponent = 0.25;
constexpr double exponent_margin = 0.05;
constexpr double usual_rate = 0.02;
constexpr double usual_decay = 5e-3;

// The network of an arm, its last layer frozen: then a change of scale before a norm changes no output.
std::optional<RunResult> run_decay(const RunSettings& settings, const RunContext& context) {
  const auto* factor = settings.factors.find("scale");
  const double scale = factor == nullptr ? 1.0 : factor->number();
  auto options = network_for(context.data, settings);
  options.batch_norm.epsilon *= scale * scale;
  Network network{options};
  TrainingLoop loop{network, settings, context};
  ScaledWeights weights{network, settings.hidden.size()};
  weights.freeze_last_layer();
  weights.multiply(scale);
  const auto start = weights.norms();
  const auto* norms = settings.factors.find("norms");
  const bool held = norms != nullptr && *norms == Factor{"held"};
  const auto interval = std::max<std::int64_t>(1, loop.steps_per_epoch() * settings.epochs / decay_looks);
  auto& measures = loop.measures();
  loop.train([&](std::int64_t step, double loss) {
    if (held) weights.set_norms(start);
    if (step % interval == 0) {
      measures["steps"].push_back(static_cast<double>(step));
      measures["loss"].push_back(loss);
      measures["norm"].push_back(weights.mean_norm());
    }
    return true;
  });
  return loop.finish();
}

RunFilter in_decay_part(const char* part, const char* model) {
  return with_factor("part", part) && of_model(model);
}

// By seed, how far the losses of an arm lie apart along training when its weights are rescaled, and rate and
// decay with them: the root of the mean square.
BySeed path_differences(std::span<const RunResult> runs, const char* model) {
  BySeed result;
  for (const auto seed : seeds_of(runs)) {
    std::vector<RunResult> paths;
    for (const auto& run : runs)
      if (run.settings.seed == seed && in_decay_part("rescaled", model)(run)) paths.push_back(run);
    if (paths.size() != 2) continue;
    const auto a = series(paths[0], "loss");
    const auto b = series(paths[1], "loss");
    double sum = 0.0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    const bool whole = !a.empty() && a.size() == b.size();
    const double difference = std::sqrt(sum / static_cast<double>(a.size()));
    result[seed] = !whole || std::isnan(difference) ? std::nan("") : std::max(difference, path_resolution);
  }
  return result;
}

// By seed, the slope of the logarithm of the last norm by that of rate over decay.
std::vector<double> nearness_to_exponent(std::span<const RunResult> runs) {
  std::vector<double> result;
  for (const auto& [seed, exponent] : norm_exponents(runs, rate_over_decay))
    result.push_back(exponent_margin - std::abs(exponent - expected_exponent));
  return result;
}

// By seed, percentage points that decay adds.
std::vector<double> gains_by_decay(std::span<const RunResult> runs, const char* norms) {
  const auto accuracy = [&](bool decays) {
    return by_seed(
        runs,
        with_factor("part", "accuracy") && with_factor("norms", norms) &&
            [decays](const RunResult& run) { return (run.settings.weight_decay > 0.0) == decays; },
        [](const RunResult& run) { return 100.0 * final_accuracy(run); });
  };
  return pairwise(accuracy(true), accuracy(false), [](double a, double b) { return a - b; });
}

class WeightDecayStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "weight-decay"; }
  [[nodiscard]] std::string claim() const override {
    return "With batch normalization weight decay acts through the effective learning rate alone.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Two hidden layers of 128 with ReLU, batch norm without gamma and beta before each, the last "
           "layer left as it starts, so that nothing that is trained has a scale of its own; SGD with "
           "momentum 0.9, batch 64. Rescaled: the same run with the weights times c = 1/3, the rate times "
           "c^2 and the decay over c^2 (epsilon times c^2), with batch norm and plain: how far the losses "
           "lie apart, as root mean square. Equilibrium: over a grid of rates and decays, the exponent with "
           "which the weights' norm at the end grows with rate over decay. Accuracy: with and without "
           "decay, once as it is and once with each layer's norm held where it started, which holds the "
           "effective rate.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Van Laarhoven (2017) showed that with a norm behind them weights have an effective rate of rate "
           "/ norm^2, and that at equilibrium, where decay takes as much as steps add, the norm grows as "
           "the fourth root of rate over decay if the gradients of the direction stay alike: they don't "
           "where the data are fitted. Zhang et al. (2018) found that decay of the layers before norms "
           "helps as much as raising their effective rate. Real networks have gamma, beta and a last layer, "
           "on which decay acts as it always did; epsilon is a scale too, though a small one.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      for (const char* model : {"plain", "bn-bare"})
        for (const double c : {1.0, rescaling}) {
          auto settings = base(scale, model, seed, "rescaled");
          settings.factors.set("scale", c);
          settings.learning_rate *= c * c;
          settings.weight_decay = usual_decay / (c * c);
          jobs.push_back(job_for(scale, settings, run_decay));
        }
      for (const char* norms : {"free", "held"})
        for (const double decay : {0.0, usual_decay}) {
          auto settings = base(scale, "bn-bare", seed, "accuracy");
          settings.factors.set("norms", norms);
          settings.factors.set("decay", decay);
          settings.weight_decay = decay;
          jobs.push_back(job_for(scale, settings, run_decay));
        }
      for (const double rate : scale.quick ? std::vector{0.1, 0.2} : std::vector{0.05, 0.1, 0.2})
        for (const double decay : scale.quick ? std::vector{4e-3, 16e-3} : std::vector{4e-3, 8e-3, 16e-3}) {
          auto settings = base(scale, "bn-bare", seed, "equilibrium");
          settings.learning_rate = rate;
          settings.weight_decay = decay;
          jobs.push_back(job_for(scale, settings, run_decay));
        }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    return {
        tools::judge(
            {.name = "difference of the path when weights, rate and decay are rescaled, plain / batch norm",
             .claim = "With batch norm the scale of the weights only sets the effective rate.",
             .unit = "times",
             .scale = Endpoint::Scale::ratio,
             .least = 10.0},
            pairwise(path_differences(runs, "plain"), path_differences(runs, "bn-bare"),
                     [](double a, double b) { return a / b; })),
        tools::judge({.name = "0.05 less the distance of the norm's exponent in rate / decay from 1/4",
                      .claim = "At equilibrium the norm grows as the fourth root of rate over decay."},
                     nearness_to_exponent(runs)),
        tools::judge({.name = "accuracy gained by decay at a fixed effective rate",
                      .claim = "Decay helps even where it can't change the effective rate.",
                      .unit = "points",
                      .least = 0.3},
                     gains_by_decay(runs, "held")),
        tools::judge({.name = "accuracy gained by decay as it is",
                      .claim = "Decay helps where it raises the effective rate.",
                      .unit = "points",
                      .least = 0.3},
                     gains_by_decay(runs, "free"))};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return weight_decay_figures(runs);
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return weight_decay_tables(runs);
  }

 private:
  [[nodiscard]] RunSettings base(const StudyScale& scale, const char* model, std::uint64_t seed,
                                 const char* part) const {
    auto settings = settings_for(*this, scale, model, seed);
    settings.factors = {{"part", part}};
    settings.hidden = {128, 128};
    settings.learning_rate = usual_rate;
    const std::int64_t steps = scale.quick ? 375 : 1500;
    const auto an_epoch = steps_per_epoch(scale, settings);
    settings.epochs = static_cast<int>((steps + an_epoch - 1) / an_epoch);
    return settings;
  }
};

}  // namespace

std::unique_ptr<Study> weight_decay_study() {
  return std::make_unique<WeightDecayStudy>();
}

}  // namespace keel::tools
