#include "planted_discrepancy.hpp"

#include "keel/tools/studies/discrepancy.hpp"

namespace keel::test {

using namespace keel::tools;

namespace {

// What each kind of statistics gains or loses in accuracy.
double offset(const RunSettings& settings, const std::string& kind) {
  const auto* groups = settings.factors.find("groups");
  if (groups != nullptr && *groups == "by class") return kind == "batch" ? -0.2 : -0.1;
  if (kind == "moving") return -0.02;
  return kind == "batch" ? -0.05 : 0.0;
}

}  // namespace

// With an effect of 1, batches as in training classify 5 points worse than all images do, sorted ones 10
// worse still.
RunResult planted_discrepancy_run(const RunSettings& settings, double effect) {
  const double jitter = settings.seed % 2 == 0 ? 1e-4 : -1e-4;
  RunResult run{.settings = settings, .parameters = 1000};
  const double accuracy = 0.8 + 0.01 * effect + jitter;
  for (int epoch = 1; epoch <= settings.epochs; ++epoch)
    run.epochs.push_back(
        {.epoch = epoch, .steps = 300, .seconds = 0.1, .train_loss = 0.1, .validation = {0.1, accuracy}});
  run.test = Evaluation{0.1, accuracy};
  if (settings.model == "frozen" || settings.tuning) return run;
  for (const std::string kind : discrepancy_kinds) {
    const double found = 0.8 + effect * offset(settings, kind) + (kind == "batch" ? jitter : 0.0);
    run.measures[kind + "_accuracy"] = {found, found};
    run.measures[kind + "_loss"] = {0.5, 0.5};
  }
  return run;
}

bool discrepancy_run_counts(const RunSettings& settings) {
  return settings.model == "bn" && settings.batch_size == 4 && settings.factors.at("rate") == "tuned";
}

}  // namespace keel::test
