#include "keel/tools/studies/activations_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/runs/both_rates.hpp"
#include "keel/tools/studies/activations_watch.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

struct ActivationsArm {
  std::string model;
  double noise = 0.0;
  [[nodiscard]] RunFilter runs() const { return of_activations_arm(model, noise); }
  [[nodiscard]] std::string label() const {
    return noise > 0.0 ? fmt::format("{}, x {:g}", label_of(model), noise) : label_of(model);
  }
};

std::vector<ActivationsArm> arms_in(std::span<const RunResult> runs) {
  std::vector<ActivationsArm> arms{{"plain"}, {"bn"}};
  for (const auto& noise : levels_of(runs, "noise")) arms.push_back({"noisy-bn", noise.number()});
  return arms;
}

// Of the layers whose gradients were looked at.
std::vector<std::size_t> layers_in(std::span<const RunResult> runs) {
  std::vector<std::size_t> layers;
  if (runs.empty()) return layers;
  for (std::size_t layer = 2; layer <= runs[0].settings.hidden.size() + 1; ++layer) layers.push_back(layer);
  return layers;
}

std::string mean_text(const BySeed& values, int decimals) {
  return cell_text(point_at(0.0, values).y, decimals);
}

Table arms_table(std::span<const RunResult> runs) {
  Table table{.title = "Arms at their tuned rates, and all at the common rate: means over the seeds",
              .header = {"arm", "tuned rate", "drift", "drift before norm", "accuracy %",
                         "drift, common rate", "accuracy %, common rate"}};
  for (const auto& arm : arms_in(runs)) {
    const auto tuned = arm.runs() && at_tuned_rates();
    const auto common = arm.runs() && at_common_rate();
    table.rows.push_back(
        {arm.label(), rate_text(runs, tuned), mean_text(by_seed(runs, tuned, activations_drift), 3),
         mean_text(
             by_seed(runs, tuned, [](const RunResult& run) { return measure(run, "drift_before_norm"); }), 3),
         mean_text(by_seed(runs, tuned, activations_accuracy), 2),
         mean_text(by_seed(runs, common, activations_drift), 3),
         mean_text(by_seed(runs, common, activations_accuracy), 2)});
  }
  return table;
}

struct LayerTally {
  int layers = 0;
  int less = 0;
  int more = 0;
};

// Counts a layer by the interval of plain / batch norm.
void count_layer(LayerTally& tally, std::span<const double> ratios) {
  std::vector<double> logarithms;
  for (const double ratio : ratios) logarithms.push_back(std::log(ratio));
  ++tally.layers;
  if (logarithms.empty()) return;
  const auto interval = mean_interval(logarithms);
  tally.less += interval.low && *interval.low > 0.0 ? 1 : 0;
  tally.more += interval.high && *interval.high < 0.0 ? 1 : 0;
}

Table layers_table(std::span<const RunResult> runs) {
  Table table{.title = {}, .header = {"weights of layer", "rate"}};
  const std::vector<ActivationsArm> arms{{"plain"}, {"bn"}, {"noisy-bn", judged_noise}};
  for (const auto& arm : arms) table.header.push_back("change, " + arm.label());
  for (const auto& arm : arms) table.header.push_back("cosine, " + arm.label());
  LayerTally tally;
  for (const auto layer : layers_in(runs)) {
    for (const bool is_tuned : {true, false}) {
      const auto rate = is_tuned ? at_tuned_rates() : at_common_rate();
      std::vector<std::string> row{fmt::format("{}", layer), is_tuned ? "tuned" : "common"};
      for (const auto& arm : arms)
        row.push_back(mean_text(by_seed(runs, arm.runs() && rate, mean_gradient_shift(layer)), 4));
      for (const auto& arm : arms)
        row.push_back(mean_text(by_seed(runs, arm.runs() && rate, mean_gradient_cosine(layer)), 4));
      table.rows.push_back(std::move(row));
      if (!is_tuned) continue;
      count_layer(tally, pairwise(by_seed(runs, arms[0].runs() && rate, mean_gradient_shift(layer)),
                                  by_seed(runs, arms[1].runs() && rate, mean_gradient_shift(layer)),
                                  [](double plain, double bn) { return plain / bn; }));
    }
  }
  table.title = fmt::format(
      "Change of each layer's gradient when those below move: less with batch norm in {} of {} layers, {} against, by "
      "intervals that are not corrected, at tuned rates",
      tally.less, tally.layers, tally.more);
  return table;
}

std::vector<Point> mean_series(std::span<const RunResult> runs, const RunFilter& arm, const std::string& x,
                               const std::string& y) {
  std::map<double, std::vector<double>> at;
  for (const auto& run : runs_of(runs, arm)) {
    const auto xs = series(run, x);
    const auto ys = series(run, y);
    for (std::size_t i = 0; i < std::min(xs.size(), ys.size()); ++i) at[xs[i]].push_back(ys[i]);
  }
  std::vector<Point> points;
  for (const auto& [step, values] : at) points.push_back(point_at(step, values));
  return points;
}

// One unit of the first seed's run: an average over runs would hide what moves.
Figure percentile_figure(std::span<const RunResult> runs, const ActivationsArm& arm) {
  Figure figure{.title = fmt::format("What one unit's sigmoid gets, {}: percentiles 15, 50, 85 (first seed)",
                                     arm.label()),
                .x = {.name = "steps"},
                .y = {.name = "input of the activation"}};
  const auto of_arm = runs_of(runs, arm.runs() && at_tuned_rates());
  if (of_arm.empty()) return figure;
  const auto& run = *std::ranges::min_element(of_arm, {}, [](const auto& r) { return r.settings.seed; });
  const auto steps = series(run, "steps");
  for (const char* percentile : {"p85", "p50", "p15"}) {
    Series line{.arm = arm.model,
                .label = fmt::format("{}th percentile", percentile + 1),
                .dashed = std::string_view{percentile} != "p50",
                .marked = false};
    const auto values = series(run, fmt::format("before_activation_{}", percentile));
    for (std::size_t i = 0; i < std::min(steps.size(), values.size()); ++i)
      line.points.push_back({.x = steps[i], .y = values[i]});
    figure.series.push_back(std::move(line));
  }
  return figure;
}

Figure by_look_figure(std::span<const RunResult> runs, Figure figure,
                      std::string (*measure_of)(std::size_t layer)) {
  const auto layers = layers_in(runs);
  if (layers.empty()) return figure;
  const auto judged = runs[0].settings.hidden.size();
  for (const auto& arm :
       {ActivationsArm{"plain"}, ActivationsArm{"bn"}, ActivationsArm{"noisy-bn", judged_noise}})
    figure.series.push_back(
        {.arm = arm.model,
         .label = arm.label(),
         .points = mean_series(runs, arm.runs() && at_tuned_rates(), "steps", measure_of(judged)),
         .marked = false});
  return figure;
}

// A number against the strength of the noise, none of which is batch norm; plain's as a level.
Figure dose_figure(std::span<const RunResult> runs, Figure figure, const RunValue& value) {
  Series line{.arm = "noisy-bn", .label = "batch norm with noise"};
  for (const auto& arm : arms_in(runs)) {
    const auto point = point_at(arm.noise, by_seed(runs, arm.runs() && at_tuned_rates(), value));
    if (arm.model == "plain" && std::isfinite(point.y)) figure.levels.push_back({point.y, "plain"});
    if (arm.model != "plain") line.points.push_back(point);
  }
  figure.series.push_back(std::move(line));
  return figure;
}

}  // namespace

RunFilter of_activations_arm(const std::string& model, double noise) {
  return noise > 0.0 ? of_model(model) && with_factor("noise", noise) : of_model(model);
}

double activations_drift(const RunResult& run) {
  return measure(run, "drift");
}

double activations_accuracy(const RunResult& run) {
  return 100.0 * final_accuracy(run);
}

RunValue mean_gradient_shift(std::size_t layer) {
  return [name = gradient_shift_measure(layer)](const RunResult& run) { return mean_of(series(run, name)); };
}

RunValue mean_gradient_cosine(std::size_t layer) {
  return [name = gradient_cosine_measure(layer)](const RunResult& run) { return mean_of(series(run, name)); };
}

std::vector<Figure> activations_figures(std::span<const RunResult> runs) {
  std::vector<Figure> figures;
  for (const auto& arm :
       {ActivationsArm{"plain"}, ActivationsArm{"bn"}, ActivationsArm{"noisy-bn", judged_noise}})
    figures.push_back(percentile_figure(runs, arm));
  figures.push_back(
      by_look_figure(runs,
                     {.title = "Change of the last hidden layer's gradient when those below move",
                      .x = {.name = "steps"},
                      .y = {.name = "relative change", .low = 0.0}},
                     gradient_shift_measure));
  figures.push_back(by_look_figure(runs,
                                   {.title = "Cosine between that gradient before and after",
                                    .x = {.name = "steps"},
                                    .y = {.name = "cosine", .high = 1.0}},
                                   gradient_cosine_measure));
  figures.push_back(dose_figure(runs,
                                {.title = "Drift of what activations get by the noise behind batch norm",
                                 .x = {.name = "noise, as a multiple of Santurkar et al.'s"},
                                 .y = {.name = "drift (movement / spread)", .low = 0.0}},
                                activations_drift));
  figures.push_back(dose_figure(runs,
                                {.title = "Final validation accuracy by the noise behind batch norm",
                                 .x = {.name = "noise, as a multiple of Santurkar et al.'s"},
                                 .y = {.name = "validation accuracy (%)"}},
                                activations_accuracy));
  return figures;
}

std::vector<Table> activations_tables(std::span<const RunResult> runs) {
  return {arms_table(runs), layers_table(runs)};
}

}  // namespace keel::tools
