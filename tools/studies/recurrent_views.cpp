#include "keel/tools/studies/recurrent_views.hpp"

#include <fmt/format.h>

#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/both_rates.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

std::string mean_and_sd(const BySeed& values) {
  std::vector<double> numbers;
  for (const auto& [seed, value] : values) numbers.push_back(value);
  if (numbers.empty()) return "-";
  const auto [mean, sd] = summarize(numbers);
  return sd ? fmt::format("{} +- {} %", cell_text(mean, 1), cell_text(*sd, 1))
            : fmt::format("{} %", cell_text(mean, 1));
}

Table accuracy_table(std::span<const RunResult> runs) {
  Table table{.title = "Final validation accuracy, mean +- standard deviation over the seeds",
              .header = {"arm", "tuned rate", "at the tuned rate", "at the common rate"}};
  if (!runs.empty())
    table.title += fmt::format("; cropped images, {} rows of {} pixels", measure(runs[0], "rows"),
                               measure(runs[0], "columns"));
  for (const std::string model : recurrent_arms) {
    const auto tuned = of_model(model) && at_tuned_rates();
    table.rows.push_back(
        {label_of(model), rate_text(runs, tuned), mean_and_sd(by_seed(runs, tuned, recurrent_accuracy)),
         mean_and_sd(by_seed(runs, of_model(model) && at_common_rate(), recurrent_accuracy))});
  }
  return table;
}

Table precision_table(std::span<const RunResult> runs) {
  Table table{.title = "The same runs in single and in double precision, final validation accuracy",
              .header = {"arm", "seeds", "f32", "f64", "seeds' sd", "agree within 2 sd"}};
  for (const std::string model : recurrent_arms) {
    const auto repeat = recurrent_repeat(runs, model);
    if (!repeat) continue;
    table.rows.push_back(
        {label_of(model), fmt::format("{}", repeat->seeds), fmt::format("{} %", cell_text(repeat->f32, 2)),
         fmt::format("{} %", cell_text(repeat->f64, 2)), fmt::format("{} points", cell_text(repeat->sd, 2)),
         repeat->agree() ? "yes" : "no"});
  }
  return table;
}

Figure by_epoch_figure(std::span<const RunResult> runs, Figure figure,
                       double (*value)(const EpochResult& epoch)) {
  for (const std::string model : recurrent_arms)
    figure.series.push_back({.arm = model,
                             .label = fmt::format("{}, rate {}", label_of(model),
                                                  rate_text(runs, of_model(model) && at_tuned_rates())),
                             .points = by_epoch(runs, of_model(model) && at_tuned_rates(), value)});
  return figure;
}

}  // namespace

double recurrent_accuracy(const RunResult& run) {
  return 100.0 * final_accuracy(run);
}

std::optional<PrecisionRepeat> recurrent_repeat(std::span<const RunResult> runs, const std::string& model) {
  const auto arm = runs_of(runs, of_model(model) && at_tuned_rates());
  return precision_repeat(arm, recurrent_accuracy, f64_accuracy_measure);
}

std::vector<Figure> recurrent_figures(std::span<const RunResult> runs) {
  return {by_epoch_figure(runs,
                          {.title = "Validation accuracy by epoch, each arm at its tuned rate",
                           .x = {.name = "epochs"},
                           .y = {.name = "validation accuracy (%)", .low = 0.0, .high = 100.0}},
                          [](const EpochResult& epoch) { return 100.0 * epoch.validation.accuracy; }),
          by_epoch_figure(runs,
                          {.title = "Training loss by epoch, each arm at its tuned rate",
                           .x = {.name = "epochs"},
                           .y = {.name = "training loss (nats)", .low = 0.0}},
                          [](const EpochResult& epoch) { return epoch.train_loss; })};
}

std::vector<Table> recurrent_tables(std::span<const RunResult> runs) {
  return {accuracy_table(runs), precision_table(runs)};
}

}  // namespace keel::tools
