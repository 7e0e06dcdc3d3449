#include "keel/tools/studies/shift_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/cells.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

// The accuracies with statistics from one number of images, by strength.
std::vector<double> with_images(const RunResult& run, Corruption corruption, const char* way,
                                std::size_t size) {
  const auto values = series(run, fmt::format("{}_{}", name_of(corruption), way));
  const auto sizes = series(run, "images").size();
  std::vector<double> accuracies;
  if (size < sizes)
    for (std::size_t i = size; i < values.size(); i += sizes) accuracies.push_back(100.0 * values[i]);
  return accuracies;
}

std::vector<double> as_trained(const RunResult& run, Corruption corruption) {
  std::vector<double> accuracies;
  for (const double value : series(run, name_of(corruption) + "_as_trained"))
    accuracies.push_back(100.0 * value);
  return accuracies;
}

std::vector<double> gains_by_strength(const RunResult& run, Corruption corruption, const char* way,
                                      std::size_t size) {
  auto gains = with_images(run, corruption, way, size);
  const auto before = as_trained(run, corruption);
  if (gains.size() != before.size()) return {};
  for (std::size_t i = 0; i < gains.size(); ++i) gains[i] -= before[i];
  return gains;
}

std::size_t most_images(const RunResult& run) {
  const auto sizes = series(run, "images").size();
  return sizes == 0 ? 0 : sizes - 1;
}

// A series that all runs share, as of the first that has it.
std::vector<double> shared(std::span<const RunResult> runs, const char* name) {
  for (const auto& run : runs)
    if (const auto values = series(run, name); !values.empty()) return {values.begin(), values.end()};
  return {};
}

Figure accuracy_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "Accuracy under each corruption, mean over the strengths",
                .x = {.name = "corruption"},
                .y = {.name = "test accuracy (%)"}};
  const auto add = [&](const char* arm, const std::string& label, const char* model, auto accuracies) {
    Series line{.arm = arm, .label = label};
    for (std::size_t i = 0; i < all_corruptions().size(); ++i)
      line.points.push_back(
          point_at(static_cast<double>(i), by_seed(runs, of_model(model), [&](const RunResult& run) {
                     return mean_of(accuracies(run, all_corruptions()[i]));
                   })));
    figure.series.push_back(std::move(line));
  };
  for (const auto corruption : all_corruptions()) figure.x.categories.push_back(name_of(corruption));
  add("bn", "batch norm, moving averages", "bn", as_trained);
  add("recomputed", "batch norm, recomputed", "bn", [](const RunResult& run, Corruption corruption) {
    return with_images(run, corruption, "recomputed", most_images(run));
  });
  for (const char* model : {"plain", "ln"}) add(model, label_of(model), model, as_trained);
  return figure;
}

Figure images_figure(std::span<const RunResult> runs, const char* way, const std::string& words) {
  Figure figure{.title = fmt::format("What statistics from so many images gain, {}", words),
                .x = {.name = "images that statistics are recomputed from", .logarithmic = true},
                .y = {.name = "gain of accuracy (points)"},
                .levels = {{0.0, "moving averages"}}};
  const auto sizes = shared(runs, "images");
  for (const auto corruption : all_corruptions()) {
    Series line{.arm = name_of(corruption), .label = name_of(corruption)};
    for (std::size_t i = 0; i < sizes.size(); ++i)
      line.points.push_back(point_at(sizes[i], by_seed(runs, of_model("bn"), [&](const RunResult& run) {
                                       return mean_of(gains_by_strength(run, corruption, way, i));
                                     })));
    figure.series.push_back(std::move(line));
  }
  return figure;
}

std::vector<double> gains_at(std::span<const RunResult> runs, Corruption corruption, std::size_t strength) {
  std::vector<double> gains;
  for (const auto& run : runs_of(runs, of_model("bn"))) {
    const auto own = gains_by_strength(run, corruption, "recomputed", most_images(run));
    gains.push_back(strength < own.size() ? own[strength] : std::nan(""));
  }
  return gains;
}

Figure strength_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "What recomputed statistics gain at each strength, with the most images",
                .x = {.name = "strength of the corruption"},
                .y = {.name = "gain of accuracy (points)"},
                .levels = {{0.0, "moving averages"}}};
  const auto strengths = shared(runs, "strengths");
  for (const auto corruption : all_corruptions()) {
    Series line{.arm = name_of(corruption), .label = name_of(corruption)};
    for (std::size_t i = 0; i < strengths.size(); ++i)
      line.points.push_back(point_at(strengths[i], gains_at(runs, corruption, i)));
    figure.series.push_back(std::move(line));
  }
  return figure;
}

Table gain_table(std::span<const RunResult> runs, const char* way, const std::string& title) {
  Table table{.title = title, .header = {"mean over strengths", "as trained, %"}};
  const auto sizes = shared(runs, "images");
  for (const double size : sizes)
    table.header.push_back(fmt::format("{:g} image{}", size, size == 1.0 ? "" : "s"));
  const auto over_seeds = [&](const RunValue& value) {
    return point_at(0.0, by_seed(runs, of_model("bn"), value)).y;
  };
  for (const auto corruption : all_corruptions()) {
    const double before =
        over_seeds([&](const RunResult& run) { return mean_of(as_trained(run, corruption)); });
    std::vector<std::string> row{name_of(corruption), cell_text(before, 1)};
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const double gain = over_seeds(
          [&](const RunResult& run) { return mean_of(gains_by_strength(run, corruption, way, i)); });
      row.push_back(signed_cell_text(gain, 1));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table batches_table(std::span<const RunResult> runs) {
  Table table{.title = "Clean test images, batch norm", .header = {"statistics", "accuracy, %"}};
  const auto add = [&](const char* words, const char* name) {
    const auto accuracies =
        by_seed(runs, of_model("bn"), [&](const RunResult& run) { return 100.0 * measure(run, name); });
    table.rows.push_back({words, cell_text(point_at(0.0, accuracies).y, 1)});
  };
  add("moving averages", "clean_as_trained");
  add("the batch's own, classes mixed", "clean_mixed_batches");
  add("the batch's own, sorted by class", "clean_sorted_batches");
  return table;
}

}  // namespace

double shift_gain(const RunResult& run, Corruption corruption) {
  return mean_of(gains_by_strength(run, corruption, "recomputed", most_images(run)));
}

std::vector<Figure> shift_figures(std::span<const RunResult> runs) {
  return {accuracy_figure(runs), strength_figure(runs), images_figure(runs, "recomputed", "these alone"),
          images_figure(runs, "blended", "blended with the training's")};
}

std::vector<Table> shift_tables(std::span<const RunResult> runs) {
  const auto strengths = shared(runs, "strengths");
  std::vector<Cell> cells;
  for (const auto corruption : all_corruptions())
    for (std::size_t i = 0; i < strengths.size(); ++i)
      cells.push_back({fmt::format("{}, strength {:g}", name_of(corruption), strengths[i]),
                       gains_at(runs, corruption, i)});
  return {cell_table("Gain by corruption and strength",
                     {.name = {}, .claim = {}, .unit = "points", .least = 1.0}, cells),
          gain_table(runs, "recomputed", "Gain in points by number of images"),
          gain_table(runs, "blended", "Gain in points, blended with the training's statistics"),
          batches_table(runs)};
}

}  // namespace keel::tools
