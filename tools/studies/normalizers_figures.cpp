// The pictures and tables of the study `normalizers`.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/studies/normalizers.hpp"
#include "keel/tools/training/targets.hpp"

namespace keel::tools {
namespace {

// In the order of the pictures, with names that fit below an axis.
struct NormalizerPlace {
  const char* arm;
  const char* short_name;
};
constexpr std::array normalizer_places{NormalizerPlace{"plain", "plain"},
                                       NormalizerPlace{"he", "He"},
                                       NormalizerPlace{"skip-init", "SkipInit"},
                                       NormalizerPlace{"weight-norm", "weight"},
                                       NormalizerPlace{"ln", "layer"},
                                       NormalizerPlace{"gn", "group"},
                                       NormalizerPlace{"bn-after", "after"},
                                       NormalizerPlace{"bn-bare", "bare"},
                                       NormalizerPlace{"bn", "batch"}};

bool has_normalizer_runs(std::span<const RunResult> runs, const char* arm) {
  return std::ranges::any_of(runs, [&](const RunResult& run) { return run.settings.model == arm; });
}

std::vector<NormalizerPlace> normalizer_places_of(std::span<const RunResult> runs) {
  std::vector<NormalizerPlace> places;
  std::ranges::copy_if(normalizer_places, std::back_inserter(places),
                       [&](const auto& place) { return has_normalizer_runs(runs, place.arm); });
  return places;
}

std::string normalizer_target_text() {
  return target_name(normalizers_target) + " %";
}

Axis axis_of_arms(std::span<const NormalizerPlace> places) {
  Axis axis{.name = "what keeps the signals in bounds"};
  for (const auto& place : places) axis.categories.emplace_back(place.short_name);
  return axis;
}

Series points_by_arm(std::span<const RunResult> runs, std::span<const NormalizerPlace> places, Series series,
                     const std::function<RunFilter(const char* arm)>& cell, const RunValue& value) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto point = point_at(static_cast<double>(i), by_seed(runs, cell(places[i].arm), value));
    if (std::isfinite(point.y)) series.points.push_back(point);
  }
  return series;
}

double normalizer_steps_or_all(const RunResult& run) {
  return steps_to_target(run).value;
}

// The most steps that a run was given; 0 for no runs.
double normalizer_most_steps(std::span<const RunResult> runs) {
  double most = 0.0;
  for (const auto& run : runs) most = std::fmax(most, measure(run, "most_steps"));
  return most;
}

Figure normalizer_steps_figure(std::span<const RunResult> runs, std::span<const NormalizerPlace> places,
                               const Factor& optimizer) {
  Figure figure{.title = fmt::format("Steps to {} under {}", normalizer_target_text(), optimizer.word()),
                .x = axis_of_arms(places),
                .y = {.name = fmt::format("steps to {}", normalizer_target_text()), .logarithmic = true}};
  for (const char* rate : {"tuned", "common"}) {
    const auto cell = [&](const char* arm) { return normalizers_cell(arm, optimizer, rate); };
    const bool tuned = std::string_view{rate} == "tuned";
    auto series = points_by_arm(
        runs, places,
        {.arm = "bn", .label = tuned ? "each at its own rate" : "all at one rate", .dashed = !tuned}, cell,
        normalizer_steps_or_all);
    if (!series.points.empty()) figure.series.push_back(std::move(series));
  }
  if (const double most = normalizer_most_steps(runs); most > 0.0)
    figure.levels.push_back({most, "all that they were given"});
  return figure;
}

std::string normalizer_accuracy_text(const RunFilter& cell, std::span<const RunResult> runs) {
  const auto values = by_seed(runs, cell, [](const RunResult& run) { return 100.0 * final_accuracy(run); });
  return values.empty() ? "" : fmt::format("{:.2f} %", point_at(0.0, values).y);
}

// "412", or "at least 2250" where some runs never got there.
std::string normalizer_steps_text(const RunFilter& cell, std::span<const RunResult> runs) {
  std::vector<double> values;
  bool bound = false;
  for (const auto& run : runs_of(runs, cell)) {
    const auto steps = steps_to_target(run);
    values.push_back(steps.value);
    bound = bound || steps.kind != Observation::Kind::exact;
  }
  if (values.empty()) return "";
  return fmt::format("{}{:.0f}", bound ? "at least " : "", point_at(0.0, values).y);
}

std::string normalizer_rate_text(const RunFilter& cell, std::span<const RunResult> runs) {
  const auto found = runs_of(runs, cell);
  return found.empty() ? "" : fmt::format("{:g}", found.front().settings.learning_rate);
}

}  // namespace

std::vector<Figure> normalizers_figures(std::span<const RunResult> runs) {
  const auto places = normalizer_places_of(runs);
  std::vector<Figure> figures;
  for (const auto& optimizer : levels_of(runs, "optimizer"))
    figures.push_back(normalizer_steps_figure(
        runs, normalizer_places_of(runs_of(runs, with_factor("optimizer", optimizer))), optimizer));
  Figure accuracy{.title = "Accuracy at the end, each arm at its own rate",
                  .x = axis_of_arms(places),
                  .y = {.name = "validation accuracy (%)"}};
  for (const auto& optimizer : levels_of(runs, "optimizer")) {
    const bool sgd = optimizer.word() == "SGD";
    auto series = points_by_arm(
        runs, places, {.arm = sgd ? "bn" : "he", .label = optimizer.word()},
        [&](const char* arm) { return normalizers_cell(arm, optimizer, "tuned"); },
        [](const RunResult& run) { return 100.0 * final_accuracy(run); });
    if (!series.points.empty()) accuracy.series.push_back(std::move(series));
  }
  if (!accuracy.series.empty()) figures.push_back(std::move(accuracy));
  return figures;
}

std::vector<Table> normalizers_tables(std::span<const RunResult> runs) {
  std::vector<Table> tables;
  for (const auto& optimizer : levels_of(runs, "optimizer")) {
    Table table{
        .title = fmt::format("{}: means over the seeds, with the rates that were chosen", optimizer.word()),
        .header = {"", fmt::format("steps to {}", normalizer_target_text()), "final accuracy", "rate",
                   "steps at the common rate", "final accuracy there"}};
    for (const auto& place : normalizer_places_of(runs)) {
      const auto tuned = normalizers_cell(place.arm, optimizer, "tuned");
      const auto common = normalizers_cell(place.arm, optimizer, "common");
      if (runs_of(runs, tuned).empty()) continue;
      table.rows.push_back({label_of(place.arm), normalizer_steps_text(tuned, runs),
                            normalizer_accuracy_text(tuned, runs), normalizer_rate_text(tuned, runs),
                            normalizer_steps_text(common, runs), normalizer_accuracy_text(common, runs)});
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace keel::tools
