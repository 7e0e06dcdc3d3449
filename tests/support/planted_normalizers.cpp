#include "planted_normalizers.hpp"

#include <cmath>

namespace keel::test {

using namespace keel::tools;

// All arms take 400 steps to 97 %, batch norm 400 / 2^effect.
RunResult planted_normalizers_run(const RunSettings& settings, double effect) {
  const bool bn = settings.model == "bn";
  const double jitter = settings.seed % 2 == 0 ? 1e-4 : -1e-4;
  const double steps = bn ? 400.0 * std::pow(2.0, -effect) * (1.0 + jitter) : 400.0;
  RunResult run{.settings = settings, .parameters = 1000};
  const double accuracy = bn ? 0.97 + 0.01 * effect + jitter : 0.97;
  for (int epoch = 1; epoch <= settings.epochs; ++epoch)
    run.epochs.push_back(
        {.epoch = epoch, .steps = 300, .seconds = 0.1, .train_loss = 0.1, .validation = {0.1, accuracy}});
  run.test = Evaluation{0.1, accuracy};
  run.measures = {{"most_steps", {900.0}}};
  run.measures["steps_to_95"] = {0.5 * steps};
  run.measures["steps_to_97"] = {steps};
  run.measures["to_95_seconds"] = {0.1};
  run.measures["to_97_seconds"] = {0.2};
  run.measures["steps"] = {100.0, 2.0 * steps};
  run.measures["accuracy"] = {0.5, 0.98};
  run.measures["loss"] = {1.0, 0.1};
  return run;
}

bool normalizers_run_counts(const RunSettings& settings) {
  const auto& factors = settings.factors;
  return (settings.model == "bn" || settings.model == "ln") && factors.at("optimizer") == "SGD" &&
         factors.at("rate") == "tuned";
}

}  // namespace keel::test
