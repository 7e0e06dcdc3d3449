#include "keel/tools/studies/depth_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/runs/both_rates.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

BySeed cell_accuracies(std::span<const RunResult> runs, const RunFilter& cell) {
  return by_seed(runs, cell, depth_accuracy);
}

std::string mean_accuracy_text(std::span<const RunResult> runs, const RunFilter& cell) {
  const auto point = point_at(0.0, cell_accuracies(runs, cell));
  return fmt::format("{} % at {}", cell_text(point.y, 1), rate_text(runs, cell));
}

// By seed, batch norm less plain, at tuned rates.
Interval gain_in(std::span<const RunResult> runs, const Factor& activation, const Factor& depth) {
  const auto of = [&](const char* model) {
    return cell_accuracies(runs, of_cell(model, activation, depth) && at_tuned_rates());
  };
  const auto gains = pairwise(of("bn"), of("plain"), [](double a, double b) { return a - b; });
  return gains.empty() ? Interval{.mean = std::nan(""), .low = {}, .high = {}} : mean_interval(gains);
}

Table cell_table(std::span<const RunResult> runs) {
  Table table{.title = {}, .header = {"activation", "layers"}};
  for (const char* model : depth_arms) table.header.push_back(label_of(model));
  table.header.emplace_back("batch norm - plain, 95 % interval");
  int cells = 0;
  int better = 0;
  int worse = 0;
  for (const auto& activation : levels_of(runs, "activation")) {
    for (const auto& depth : levels_of(runs, "depth")) {
      std::vector<std::string> row{activation.word(), fmt::format("{}", depth.whole())};
      for (const char* model : depth_arms)
        row.push_back(mean_accuracy_text(runs, of_cell(model, activation, depth) && at_tuned_rates()));
      const auto gain = gain_in(runs, activation, depth);
      row.push_back(gain.low ? fmt::format("{} [{}, {}]", signed_cell_text(gain.mean, 1),
                                           signed_cell_text(*gain.low, 1), signed_cell_text(*gain.high, 1))
                             : signed_cell_text(gain.mean, 1));
      ++cells;
      better += gain.low && *gain.low > 0.0 ? 1 : 0;
      worse += gain.high && *gain.high < 0.0 ? 1 : 0;
      table.rows.push_back(std::move(row));
    }
  }
  table.title = fmt::format(
      "Final validation accuracy, each arm at its tuned rate: batch norm is better than plain in {} of {} cells, "
      "{} against, by intervals that are not corrected",
      better, cells, worse);
  return table;
}

Table common_rate_table(std::span<const RunResult> runs) {
  Table table{.title = fmt::format("The same at the common rate, {} layers", judged_depth),
              .header = {"activation"}};
  for (const char* model : depth_arms) table.header.push_back(label_of(model));
  for (const auto& activation : levels_of(runs, "activation")) {
    std::vector<std::string> row{activation.word()};
    for (const char* model : depth_arms)
      row.push_back(mean_accuracy_text(runs, of_cell(model, activation, judged_depth) && at_common_rate()));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Figure accuracy_by_depth(std::span<const RunResult> runs, const Factor& activation) {
  Figure figure{
      .title = fmt::format("Final validation accuracy by depth, {}, tuned rates", activation.word()),
      .x = {.name = "hidden layers", .logarithmic = true},
      .y = {.name = "validation accuracy (%)", .low = 0.0, .high = 100.0}};
  for (const char* model : depth_arms) {
    Series series{.arm = model, .label = label_of(model)};
    for (const auto& depth : levels_of(runs, "depth"))
      series.points.push_back(point_at(
          depth.number(), cell_accuracies(runs, of_cell(model, activation, depth) && at_tuned_rates())));
    figure.series.push_back(std::move(series));
  }
  return figure;
}

// Geometric means over the seeds.
std::vector<Point> norms_by_layer(std::span<const RunResult> runs, const RunFilter& cell, std::int64_t step) {
  std::map<std::size_t, std::vector<double>> by_layer;
  for (const auto& run : runs_of(runs, cell)) {
    const auto norms = series(run, gradient_norms_measure(step));
    for (std::size_t i = 0; i < norms.size(); ++i)
      if (norms[i] > 0.0 && std::isfinite(norms[i])) by_layer[i + 1].push_back(std::log(norms[i]));
  }
  std::vector<Point> points;
  for (const auto& [layer, logarithms] : by_layer) {
    auto point = point_at(static_cast<double>(layer), logarithms);
    point.y = std::exp(point.y);
    if (point.low) point.low = std::exp(*point.low);
    if (point.high) point.high = std::exp(*point.high);
    points.push_back(point);
  }
  return points;
}

Figure gradients_by_layer(std::span<const RunResult> runs, const Factor& activation) {
  Factor deepest = 0;
  for (const auto& depth : levels_of(runs, "depth"))
    if (depth.whole() > deepest.whole()) deepest = depth;
  Figure figure{.title = fmt::format("Gradient of each layer's weights, {}, {} layers", activation.word(),
                                     deepest.whole()),
                .x = {.name = "layer, from the input"},
                .y = {.name = "norm of the gradient", .logarithmic = true}};
  for (const std::string model : depth_arms) {
    // SkipInit's branches begin at zero, and so do the gradients within them.
    const bool begins_at_zero = model == "skip-init";
    for (const int step : {0, 10}) {
      if (step == 0 ? begins_at_zero : model == "ln") continue;
      figure.series.push_back(
          {.arm = model,
           .label = fmt::format("{}, {}{}", label_of(model), step == 0 ? "at the start" : "after 10 steps",
                                begins_at_zero ? " (within branches zero before)" : ""),
           .points = norms_by_layer(runs, of_cell(model, activation, deepest) && at_tuned_rates(), step),
           .dashed = step != 0,
           .marked = false});
    }
  }
  return figure;
}

}  // namespace

std::string gradient_norms_measure(std::int64_t step) {
  return fmt::format("gradient_norms_after_{}", step);
}

double gradient_spread(const RunResult& run) {
  const auto norms = series(run, gradient_norms_measure(0));
  if (norms.size() < 3) return std::nan("");
  const auto hidden = norms.subspan(1, norms.size() - 2);
  if (std::ranges::any_of(hidden, [](double value) { return !std::isfinite(value); })) return std::nan("");
  constexpr double smallest = 1.4e-45;
  const auto [low, high] = std::ranges::minmax(hidden);
  return std::log10(std::max(high, smallest) / std::max(low, smallest));
}

double depth_accuracy(const RunResult& run) {
  return 100.0 * final_accuracy(run);
}

RunFilter of_cell(const std::string& model, const Factor& activation, const Factor& depth) {
  return of_model(model) && with_factor("activation", activation) && with_factor("depth", depth);
}

std::vector<Figure> depth_figures(std::span<const RunResult> runs) {
  std::vector<Figure> figures;
  for (const auto& activation : levels_of(runs, "activation"))
    figures.push_back(accuracy_by_depth(runs, activation));
  for (const auto& activation : levels_of(runs, "activation"))
    figures.push_back(gradients_by_layer(runs, activation));
  return figures;
}

std::vector<Table> depth_tables(std::span<const RunResult> runs) {
  return {cell_table(runs), common_rate_table(runs)};
}

}  // namespace keel::tools
