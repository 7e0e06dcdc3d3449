#include "keel/tools/studies/batch_views.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "keel/tools/training/targets.hpp"

namespace keel::tools {

std::string name_of(BatchView view) {
  switch (view) {
    case BatchView::scaled_rate:
      return "a rate scaled with the batch";
    case BatchView::same_steps:
      return "the same number of steps";
    case BatchView::same_rate:
      break;
  }
  return "the same rate and epochs";
}

BatchRuns::BatchRuns(std::span<const RunResult> runs) : runs_(runs) {
  std::set<std::int64_t> sizes;
  for (const auto& run : runs) sizes.insert(run.settings.batch_size);
  sizes_.assign(sizes.begin(), sizes.end());
}

std::vector<RunResult> BatchRuns::of(BatchView view, const std::string& model, std::int64_t batch) const {
  const auto in_view = [&](BatchView wanted) {
    return runs_of(runs_, [&](const RunResult& run) {
      return run.settings.model == model && run.settings.batch_size == batch &&
             with_factor("view", name_of(wanted))(run);
    });
  };
  auto result = in_view(view);
  return result.empty() ? in_view(BatchView::same_rate) : result;
}

BySeed BatchRuns::by_seed(BatchView view, const std::string& model, std::int64_t batch,
                          const RunValue& value) const {
  BySeed result;
  for (const auto& run : of(view, model, batch)) result[run.settings.seed] = value(run);
  return result;
}

BySeed BatchRuns::mean_accuracy(BatchView view, const std::string& model) const {
  std::map<std::uint64_t, std::vector<double>> all;
  for (const auto batch : sizes_)
    for (const auto& [seed, accuracy] : by_seed(view, model, batch, final_accuracy))
      all[seed].push_back(accuracy);
  BySeed result;
  for (const auto& [seed, values] : all) result[seed] = mean_of(values);
  return result;
}

double loss_gap(const RunResult& run) {
  return run.epochs.empty() ? std::nan("") : run.epochs.back().validation.loss - run.epochs.back().train_loss;
}

double epochs_to(const RunResult& run, double target) {
  return measure(run, "steps_to_" + target_name(target)) / measure(run, "steps_per_epoch");
}

}  // namespace keel::tools
