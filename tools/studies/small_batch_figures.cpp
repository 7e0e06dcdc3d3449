#include "keel/tools/studies/small_batch_figures.hpp"

#include <fmt/format.h>

#include <array>
#include <set>

#include "keel/tools/runs/health.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

constexpr std::array sized_models{"plain", "bn", "ln", "gn", "ghost"};

RunFilter of_rate(const std::string& model, const std::string& rate) {
  return of_model(model) && with_factor("rate", rate);
}

std::set<std::int64_t> sizes_of_arm(std::span<const RunResult> runs, const RunFilter& filter) {
  std::set<std::int64_t> sizes;
  for (const auto& run : runs_of(runs, filter)) sizes.insert(run.settings.factors.at("size").whole());
  return sizes;
}

Series by_size(std::span<const RunResult> runs, const std::string& model, const std::string& rate,
               const RunValue& value) {
  Series line{.arm = model, .label = label_of(model)};
  for (const auto size : sizes_of_arm(runs, of_rate(model, rate)))
    line.points.push_back(
        point_at(static_cast<double>(size), by_seed(runs, at_size(model, size, rate), value)));
  return line;
}

Figure arms_figure(std::span<const RunResult> runs, const std::string& rate) {
  Figure figure{
      .title = fmt::format("Final validation accuracy by batch size, {}",
                           rate == "tuned" ? "each arm at its own rate" : "rate in proportion to the batch"),
      .x = {.name = "batch size, or size of the ghost batches", .logarithmic = true},
      .y = {.name = "validation accuracy (%)"}};
  for (const char* model : sized_models) figure.series.push_back(by_size(runs, model, rate, accuracy_points));
  return figure;
}

Figure statistics_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "Batch norm by the statistics that it is evaluated with, tuned rates",
                .x = {.name = "batch size", .logarithmic = true},
                .y = {.name = "validation accuracy (%)"}};
  const auto add = [&](const char* arm, const char* label, const RunValue& value) {
    auto line = by_size(runs, "bn", "tuned", value);
    line.arm = arm;
    line.label = label;
    figure.series.push_back(std::move(line));
  };
  add("moving", "moving averages", accuracy_points);
  add("population", "population statistics", population_points);
  add("batch", "batch statistics", batch_statistics_points);
  return figure;
}

Table chosen_rates_table(std::span<const RunResult> runs) {
  Table table{.title = "Accuracy in %, means over the seeds, and the rates that were chosen",
              .header = {"arm, size", "common rate", "accuracy", "tuned rate", "accuracy"}};
  for (const char* model : sized_models) {
    for (const auto size : sizes_of_arm(runs, of_rate(model, "tuned"))) {
      std::vector<std::string> row{fmt::format("{}, {}", label_of(model), size)};
      for (const char* rate : {"common", "tuned"}) {
        const auto filter = at_size(model, size, rate);
        const auto of_arm = runs_of(runs, filter);
        row.push_back(of_arm.empty() ? "" : fmt::format("{:.2g}", of_arm.front().settings.learning_rate));
        row.push_back(cell_text(point_at(0.0, by_seed(runs, filter, accuracy_points)).y, 2));
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

Table causes_table(std::span<const RunResult> runs) {
  const auto mean = [&](const char* model, std::int64_t size, const RunValue& value) {
    return point_at(0.0, by_seed(runs, at_size(model, size, "tuned"), value)).y;
  };
  const double large = mean("bn", largest_batch_size, population_points);
  const double ghost = mean("ghost", smallest_batch_size, population_points);
  const double small = mean("bn", smallest_batch_size, population_points);
  Table table{.title = "What batch norm loses from batch 64 to batch 2, in points, tuned rates, and where",
              .header = {"", "points"}};
  const auto add = [&](const char* what, double points) {
    table.rows.push_back({what, signed_cell_text(points, 2)});
  };
  add("noise of the statistics in training (ghost batches of 2 in 64)", large - ghost);
  add("the small gradient batch (from there to batch 2)", ghost - small);
  add("moving averages instead of population statistics, beyond batch 64's",
      small - mean("bn", smallest_batch_size, accuracy_points) - large +
          mean("bn", largest_batch_size, accuracy_points));
  add("in all",
      mean("bn", largest_batch_size, accuracy_points) - mean("bn", smallest_batch_size, accuracy_points));
  return table;
}

// Of arms that were repeated in f64.
Table repeats_table(std::span<const RunResult> runs) {
  Table table{
      .title =
          "Where a batch norm met less variance than its epsilon: final validation accuracy in single and in "
          "double precision",
      .header = {"arm, size", "seeds", "single, %", "double, %", "sd of the seeds, points"}};
  for (const char* model : {"bn", "ghost"}) {
    for (const auto size : sizes_of_arm(runs, of_rate(model, "tuned"))) {
      const auto repeat = precision_repeat(runs_of(runs, at_size(model, size, "tuned")), accuracy_points,
                                           f64_accuracy_measure);
      if (!repeat) continue;
      table.rows.push_back({fmt::format("{}, {}", label_of(model), size), fmt::format("{}", repeat->seeds),
                            cell_text(repeat->f32, 2), cell_text(repeat->f64, 2), cell_text(repeat->sd, 2)});
    }
  }
  return table;
}

}  // namespace

double accuracy_points(const RunResult& run) {
  return 100.0 * final_accuracy(run);
}

double population_points(const RunResult& run) {
  return 100.0 * measure(run, "population_accuracy");
}

double batch_statistics_points(const RunResult& run) {
  return 100.0 * measure(run, "batch_statistics_accuracy");
}

RunFilter at_size(const std::string& model, std::int64_t size, const std::string& rate) {
  return of_rate(model, rate) && with_factor("size", size);
}

BySeed small_batch_loss(std::span<const RunResult> runs, const std::string& model, const std::string& rate) {
  const auto at_largest = by_seed(runs, at_size(model, largest_batch_size, rate), accuracy_points);
  BySeed loss;
  for (const auto& [seed, value] : by_seed(runs, at_size(model, smallest_batch_size, rate), accuracy_points))
    if (at_largest.contains(seed)) loss[seed] = at_largest.at(seed) - value;
  return loss;
}

std::string small_batch_doubt(std::span<const RunResult> runs) {
  std::vector<RepeatedArm> arms;
  for (const char* model : {"bn", "ghost"})
    for (const auto size : sizes_of_arm(runs, of_rate(model, "tuned")))
      arms.push_back({fmt::format("{} at {}", label_of(model), size), at_size(model, size, "tuned")});
  return precision_disagreement(runs, arms);
}

std::vector<Figure> small_batch_figures(std::span<const RunResult> runs) {
  return {arms_figure(runs, "tuned"), statistics_figure(runs), arms_figure(runs, "common")};
}

std::vector<Table> small_batch_tables(std::span<const RunResult> runs) {
  std::vector<Table> tables{causes_table(runs), chosen_rates_table(runs)};
  auto repeats = repeats_table(runs);
  if (!repeats.rows.empty()) tables.push_back(std::move(repeats));
  return tables;
}

}  // namespace keel::tools
