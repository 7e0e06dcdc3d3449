#include "planted_shift.hpp"

#include "keel/tools/data/corruption.hpp"

namespace keel::test {

using namespace keel::tools;

// Of an accuracy of 50 % under each corruption, recomputed statistics bring ten points back; sorted batches
// cost as much.
RunResult planted_shift_run(const RunSettings& settings, double effect) {
  RunResult run{.settings = settings, .parameters = 1000};
  for (int epoch = 1; epoch <= settings.epochs; ++epoch)
    run.epochs.push_back(
        {.epoch = epoch, .steps = 5, .seconds = 0.1, .train_loss = 0.5, .validation = {0.5, 0.9}});
  run.test = Evaluation{0.3, 0.9};
  const double jitter = settings.seed % 2 == 0 ? 1e-4 : -1e-4;
  auto& measures = run.measures;
  measures = {{"strengths", {1, 2, 3, 4, 5}}, {"clean_as_trained", {0.9}}};
  for (const auto corruption : all_corruptions())
    measures[name_of(corruption) + "_as_trained"] = std::vector(5, 0.5);
  if (settings.model != "bn") return run;
  measures["images"] = {1, 10, 100, 1000};
  measures["clean_mixed_batches"] = {0.9};
  measures["clean_sorted_batches"] = {0.9 - 0.1 * effect + jitter};
  for (const auto corruption : all_corruptions())
    for (const char* way : {"_recomputed", "_blended"})
      measures[name_of(corruption) + way] = std::vector(20, 0.5 + 0.1 * effect + jitter);
  return run;
}

}  // namespace keel::test
