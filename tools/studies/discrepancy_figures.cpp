// The pictures and tables of the study `discrepancy`.

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "keel/tools/studies/discrepancy.hpp"

namespace keel::tools {
namespace {

std::string discrepancy_label(const std::string& kind) {
  if (kind == "batch") return "as in training";
  if (kind == "moving") return "moving average";
  return kind == "corrected" ? "moving average, corrected" : "precise";
}

std::set<std::int64_t> discrepancy_batch_sizes(std::span<const RunResult> runs) {
  std::set<std::int64_t> sizes;
  for (const auto& run : runs)
    if (run.settings.model == "bn") sizes.insert(run.settings.batch_size);
  return sizes;
}

RunFilter bn_at(std::int64_t batch, const char* model, const char* rate) {
  return of_model(model) && with_factor("rate", rate) &&
         [batch](const RunResult& run) { return run.settings.batch_size == batch; };
}

double frozen_accuracy(const RunResult& run) {
  return 100.0 * final_accuracy(run);
}

Series by_batch_size(std::span<const RunResult> runs, Series series, const char* model,
                     const RunValue& value) {
  for (const auto batch : discrepancy_batch_sizes(runs)) {
    const auto point =
        point_at(static_cast<double>(batch), by_seed(runs, bn_at(batch, model, "tuned"), value));
    if (std::isfinite(point.y)) series.points.push_back(point);
  }
  return series;
}

void add_discrepancy_series(Figure& figure, Series series) {
  if (!series.points.empty()) figure.series.push_back(std::move(series));
}

Figure batch_size_figure(std::span<const RunResult> runs, DiscrepancyLook look) {
  const bool at_end = look == DiscrepancyLook::end;
  Figure figure{.title = at_end
                             ? "The same weights with four kinds of statistics, at the end"
                             : fmt::format("The same weights with four kinds of statistics, after {} steps",
                                           discrepancy_early_steps),
                .x = {.name = "batch size", .logarithmic = true},
                .y = {.name = "validation accuracy (%)"}};
  for (const std::string kind : discrepancy_kinds)
    add_discrepancy_series(
        figure,
        by_batch_size(runs, {.arm = kind, .label = discrepancy_label(kind), .dashed = kind == "corrected"},
                      "bn", discrepancy_accuracy(kind, look)));
  if (at_end)
    add_discrepancy_series(figure, by_batch_size(runs, {.arm = "frozen", .label = "frozen in the last third"},
                                                 "frozen", frozen_accuracy));
  return figure;
}

Figure groups_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "The same weights, groups of a batch dealt at random or sorted by class",
                .x = {.name = "groups by whose statistics training normalizes"},
                .y = {.name = "validation accuracy (%)"}};
  const auto levels = levels_of(runs, "groups");
  for (const auto& level : levels) figure.x.categories.push_back(level.word());
  for (const std::string kind : {"batch", "moving", "population"}) {
    Series series{.arm = kind, .label = discrepancy_label(kind)};
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const auto point =
          point_at(static_cast<double>(i),
                   by_seed(runs, with_factor("groups", levels[i]) && with_factor("rate", "tuned"),
                           discrepancy_accuracy(kind)));
      if (std::isfinite(point.y)) series.points.push_back(point);
    }
    add_discrepancy_series(figure, std::move(series));
  }
  return figure;
}

std::string discrepancy_percent(const BySeed& values) {
  const auto mean = point_at(0.0, values).y;
  return std::isfinite(mean) ? fmt::format("{:.2f} %", mean) : "";
}

// "batch 4, rate 0.002 (tuned)"
std::string discrepancy_row_name(std::string_view what, const RunFilter& filter,
                                 std::span<const RunResult> runs, const char* rate) {
  const auto found = runs_of(runs, filter);
  const double value = found.empty() ? 0.0 : found.front().settings.learning_rate;
  return fmt::format("{}, rate {:.3g} ({})", what, value, rate);
}

void add_discrepancy_row(Table& table, std::string name, std::span<const RunResult> runs,
                         const RunFilter& filter, const BySeed& frozen) {
  std::vector<std::string> row{std::move(name)};
  for (const std::string kind : discrepancy_kinds)
    row.push_back(discrepancy_percent(by_seed(runs, filter, discrepancy_accuracy(kind))));
  row.push_back(discrepancy_percent(frozen));
  table.rows.push_back(std::move(row));
}

}  // namespace

std::vector<Figure> discrepancy_figures(std::span<const RunResult> runs) {
  std::vector<Figure> figures{groups_figure(runs), batch_size_figure(runs, DiscrepancyLook::end),
                              batch_size_figure(runs, DiscrepancyLook::early)};
  return figures;
}

std::vector<Table> discrepancy_tables(std::span<const RunResult> runs) {
  Table table{.title = "Validation accuracy at the end by statistics, means over the seeds", .header = {""}};
  for (const std::string kind : discrepancy_kinds) table.header.push_back(discrepancy_label(kind));
  table.header.emplace_back("frozen");
  for (const auto& rate : levels_of(runs, "rate")) {
    const char* word = rate.word().c_str();
    for (const auto batch : discrepancy_batch_sizes(runs)) {
      const auto bn = bn_at(batch, "bn", word);
      add_discrepancy_row(table, discrepancy_row_name(fmt::format("batch {}", batch), bn, runs, word), runs,
                          bn, by_seed(runs, bn_at(batch, "frozen", word), frozen_accuracy));
    }
    for (const auto& groups : levels_of(runs, "groups")) {
      const auto cell = with_factor("groups", groups) && with_factor("rate", rate);
      add_discrepancy_row(table, discrepancy_row_name("groups " + groups.word(), cell, runs, word), runs,
                          cell, {});
    }
  }
  return {table};
}

}  // namespace keel::tools
