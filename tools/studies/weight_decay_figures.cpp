#include "keel/tools/studies/weight_decay_figures.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <set>

#include "keel/tools/runs/curves.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

double last_norm(const RunResult& run) {
  const auto norms = series(run, "norm");
  return norms.empty() ? std::nan("") : norms.back();
}

RunFilter in_equilibrium() {
  return with_factor("part", "equilibrium");
}

double slope_of(std::span<const std::pair<double, double>> points) {
  const auto count = static_cast<double>(points.size());
  double x_mean = 0.0;
  double y_mean = 0.0;
  for (const auto& [x, y] : points) x_mean += x / count, y_mean += y / count;
  double product = 0.0;
  double square = 0.0;
  for (const auto& [x, y] : points) {
    product += (x - x_mean) * (y - y_mean);
    square += (x - x_mean) * (x - x_mean);
  }
  return square > 0.0 ? product / square : std::nan("");
}

Figure path_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "Loss of the batches, as it is and rescaled (mean over the seeds)",
                .x = {.name = "steps"},
                .y = {.name = "loss of the batch (nats)", .logarithmic = true}};
  for (const std::string model : {"plain", "bn-bare"}) {
    for (const auto& scale : levels_of(runs, "scale")) {
      const bool rescaled = scale.number() != 1.0;
      figure.series.push_back(
          {.arm = model == "plain" ? "plain" : "bn",
           .label = fmt::format("{}{}", model == "plain" ? "plain" : "batch norm",
                                rescaled ? ", weights x 1/3, rate x 1/9, decay x 9" : ""),
           .points = geometric_curve(
               runs, with_factor("part", "rescaled") && of_model(model) && with_factor("scale", scale),
               "loss", "steps"),
           .dashed = rescaled,
           .marked = false});
    }
  }
  return figure;
}

Figure norm_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "Norm of the weights at the end of training, by learning rate over decay",
                .x = {.name = "learning rate / decay", .logarithmic = true},
                .y = {.name = "norm of the weights", .logarithmic = true}};
  std::map<double, std::map<double, std::vector<double>>> by_decay;
  for (const auto& run : runs_of(runs, in_equilibrium()))
    by_decay[run.settings.weight_decay][rate_over_decay(run.settings)].push_back(last_norm(run));
  for (const auto& [decay, by_ratio] : by_decay) {
    Series line{.arm = fmt::format("decay {}", short_text(decay)),
                .label = fmt::format("decay {}", short_text(decay))};
    for (const auto& [ratio, norms] : by_ratio) line.points.push_back(geometric_point(ratio, norms));
    figure.series.push_back(std::move(line));
  }
  return figure;
}

Figure trajectory_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "Norm of the weights along training, batch norm",
                .x = {.name = "steps"},
                .y = {.name = "norm of the weights", .logarithmic = true}};
  std::set<std::pair<double, double>> cells;
  for (const auto& run : runs_of(runs, in_equilibrium()))
    cells.emplace(run.settings.weight_decay, run.settings.learning_rate);
  for (const auto& [decay, rate] : cells) {
    const auto label = fmt::format("decay {}, rate {}", short_text(decay), short_text(rate));
    const RunFilter cell = [decay = decay, rate = rate](const RunResult& run) {
      return run.settings.weight_decay == decay && run.settings.learning_rate == rate;
    };
    figure.series.push_back({.arm = fmt::format("decay {}", short_text(decay)),
                             .label = label,
                             .points = geometric_curve(runs, in_equilibrium() && cell, "norm", "steps"),
                             .marked = false});
  }
  return figure;
}

Figure accuracy_figure_by_decay(std::span<const RunResult> runs) {
  Figure figure{.title = "Final validation accuracy without and with decay, batch norm",
                .x = {.name = "weight decay"},
                .y = {.name = "validation accuracy (%)"}};
  for (const auto& decay : levels_of(runs, "decay"))
    figure.x.categories.push_back(decay.number() > 0.0 ? short_text(decay.number()) : "none");
  for (const std::string norms : {"free", "held"}) {
    Series line{.arm = norms == "free" ? "bn" : "held",
                .label = norms == "free" ? "as it is" : "effective rate held"};
    double place = 0.0;
    for (const auto& decay : levels_of(runs, "decay")) {
      line.points.push_back(
          point_at(place, by_seed(runs, with_factor("norms", norms) && with_factor("decay", decay),
                                  [](const auto& run) { return 100.0 * final_accuracy(run); })));
      place += 1.0;
    }
    figure.series.push_back(std::move(line));
  }
  return figure;
}

}  // namespace

double rate_over_decay(const RunSettings& settings) {
  return settings.learning_rate / settings.weight_decay;
}

BySeed norm_exponents(std::span<const RunResult> runs, const std::function<double(const RunSettings&)>& of) {
  std::map<std::uint64_t, std::vector<std::pair<double, double>>> points;
  for (const auto& run : runs_of(runs, in_equilibrium()))
    points[run.settings.seed].emplace_back(std::log(of(run.settings)), std::log(last_norm(run)));
  BySeed result;
  for (const auto& [seed, of_seed] : points) result[seed] = slope_of(of_seed);
  return result;
}

std::vector<Figure> weight_decay_figures(std::span<const RunResult> runs) {
  return {path_figure(runs), norm_figure(runs), trajectory_figure(runs), accuracy_figure_by_decay(runs)};
}

std::vector<Table> weight_decay_tables(std::span<const RunResult> runs) {
  Table table{.title = "Exponents of the weights' norm at the end of training",
              .header = {"in", "exponent [95 % interval]", "at equilibrium"}};
  const auto row = [&](const char* name, const std::function<double(const RunSettings&)>& of,
                       const char* expected) {
    table.rows.push_back({name, interval_text(point_at(0.0, norm_exponents(runs, of)), 3), expected});
  };
  row("learning rate / decay", rate_over_decay, "1/4");
  row(
      "learning rate", [](const RunSettings& settings) { return settings.learning_rate; }, "1/4");
  row(
      "decay", [](const RunSettings& settings) { return settings.weight_decay; }, "−1/4");
  return {table};
}

}  // namespace keel::tools
