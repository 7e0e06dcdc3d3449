#include "planted_ghost.hpp"

#include <cmath>

namespace keel::test {

using namespace keel::tools;

// With an effect of 1, ghost batches and noise on layer norm have 0.8 of the test loss at the same fit.
RunResult planted_ghost_run(const RunSettings& settings, double effect) {
  const double jitter = settings.seed % 2 == 0 ? 1e-4 : -1e-4;
  const auto* size = settings.factors.find("ghost_size");
  const double factor = size != nullptr ? std::pow(0.8, effect) * (1.0 + jitter) : 1.0;
  RunResult run{.settings = settings, .parameters = 1000};
  const double accuracy = 0.9 + (size != nullptr ? 0.01 * effect + jitter : 0.0);
  for (int epoch = 1; epoch <= settings.epochs; ++epoch)
    run.epochs.push_back(
        {.epoch = epoch, .steps = 10, .seconds = 0.1, .train_loss = 0.1, .validation = {0.1, accuracy}});
  run.test = Evaluation{0.4 * factor, accuracy};
  if (settings.tuning) return run;
  run.measures = {{"train_loss", {1.0, 0.4, 0.2, 0.05}},
                  {"test_loss", {factor, 0.6 * factor, 0.5 * factor, 0.45 * factor}},
                  {"noise", {size != nullptr ? 1.5 / size->number() : 0.0}}};
  return run;
}

bool ghost_run_counts(const RunSettings& settings) {
  const auto* size = settings.factors.find("ghost_size");
  return settings.factors.at("rate") == "common" &&
         (settings.model == "bn" || (settings.model == "ghost" && *size == 8));
}

}  // namespace keel::test
