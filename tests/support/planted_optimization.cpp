#include "planted_optimization.hpp"

#include <cmath>
#include <map>
#include <string>

#include "planted_runs.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// What seeds differ by, evenly to either side.
double seed_factor(const RunSettings& settings) {
  return settings.seed % 2 == 0 ? 1.0001 : 0.9999;
}

RunResult planted_signal(const RunSettings& settings, double effect) {
  RunResult run{.settings = settings};
  const bool bn = settings.model == "bn";
  const double growth = bn ? std::pow(1.5, effect) * seed_factor(settings) : 1.0;
  const double rank = bn ? 4.0 * std::pow(4.0, effect) * seed_factor(settings) : 4.0;
  run.measures = {{"gradient_growth", {growth}},
                  {"squared_gradients", {growth * growth, growth, 1.0}},
                  {"effective_ranks", {8.0, 6.0, rank}},
                  {"mean_cosines", {0.5, 0.6, 0.7}}};
  return run;
}

// Losses of two paths that lie apart by 0.1 without batch norm, and with it by a hundredth of that.
RunResult planted_decay(const RunSettings& settings, double effect) {
  auto run = planted_training(settings, settings.weight_decay > 0.0 ? 0.96 : 0.95);
  const auto* scale = settings.factors.find("scale");
  const bool rescaled = scale != nullptr && scale->number() != 1.0;
  const double apart =
      settings.model == "plain" ? 0.1 : 0.1 * std::pow(100.0, -effect) * seed_factor(settings);
  const double loss = rescaled ? 1.0 + apart : 1.0;
  const double ratio = settings.weight_decay > 0.0 ? settings.learning_rate / settings.weight_decay : 1.0;
  run.measures = {{"steps", {10.0, 20.0}}, {"loss", {loss, loss}}, {"norm", {5.0, std::pow(ratio, 0.25)}}};
  return run;
}

RunResult planted_sharpness(const RunSettings& settings, double effect) {
  if (settings.factors.at("part") == Factor{"descent"}) {
    RunResult run{.settings = settings};
    for (int look = 0; look <= 20; ++look) {
      run.measures["steps"].push_back(10.0 * look);
      run.measures["loss_over_guessing"].push_back(1.0 / (1.0 + look));
      run.measures["rate_times_sharpness"].push_back(look < 2 ? 1.0 : 2.5 * seed_factor(settings));
    }
    return run;
  }
  auto run = planted_training(settings, 0.95);
  const bool bn = settings.model == "bn";
  const double largest = bn ? 50.0 * std::pow(4.0, -effect) * seed_factor(settings) : 50.0;
  for (int rank = 1; rank <= 10; ++rank) {
    run.measures["eigenvalues"].push_back(largest / rank);
    if (bn) run.measures["population_eigenvalues"].push_back(50.0 / rank);
  }
  run.measures["gradient_share"] = {bn ? 0.5 - 0.3 * effect : 0.5};
  if (bn) run.measures["population_gradient_share"] = {0.5};
  run.measures["steps"] = {100.0};
  run.measures["reached"] = {1.0};
  return run;
}

RunResult planted_landscape(const RunSettings& settings, double effect) {
  auto run = planted_training(settings, 0.95);
  const bool bn = settings.model == "bn" || settings.model == "noisy-bn";
  const double smoothness = bn ? 3.0 * std::pow(2.0, -effect) * seed_factor(settings) : 3.0;
  run.measures = {{"level", {0.8, 0.5, 0.3, 0.2, 0.1}},
                  {"loss", {1.8, 1.1, 0.6, 0.4, 0.2}},
                  {"step", {5.0, 10.0, 20.0, 40.0, 80.0}}};
  for (const char* name : {"smoothness", "relative_smoothness", "loss_range", "relative_loss_range"})
    run.measures[name] = std::vector(5, smoothness);
  return run;
}

}  // namespace

std::optional<RunResult> planted_optimization_run(const RunSettings& settings, double effect) {
  using Plant = RunResult (*)(const RunSettings&, double);
  static const std::map<std::string, Plant> plants{{"landscape", planted_landscape},
                                                   {"sharpness", planted_sharpness},
                                                   {"signal", planted_signal},
                                                   {"weight-decay", planted_decay}};
  const auto found = plants.find(settings.study);
  return found == plants.end() ? std::nullopt : std::optional{found->second(settings, effect)};
}

std::optional<bool> counts_in_optimization(const RunSettings& settings) {
  const auto is = [&](const char* factor, const Factor& value) {
    const auto* found = settings.factors.find(factor);
    return found != nullptr && *found == value;
  };
  if (settings.study == "signal")
    return is("activation", "relu") && is("width", 512) && settings.batch_size > 32 && settings.model != "ln";
  if (settings.study == "weight-decay") return is("part", "rescaled");
  if (settings.study == "sharpness") return is("part", "spectrum") && settings.model != "ln";
  if (settings.study == "landscape") return settings.model == "he" || settings.model == "bn";
  return std::nullopt;
}

}  // namespace keel::test
