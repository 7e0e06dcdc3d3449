#include "keel/tools/studies/convergence_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/training/targets.hpp"

namespace keel::tools {
namespace {

// Means over the runs that were still under way; those that had reached all targets stay where they were.
std::vector<Point> accuracy_curve(std::span<const RunResult> runs, const RunFilter& filter) {
  const auto arm = runs_of(runs, filter);
  std::map<double, std::vector<double>> at;
  std::set<double> all_steps;
  for (const auto& run : arm)
    for (const double step : series(run, "steps")) all_steps.insert(step);
  for (const double step : all_steps) {
    for (const auto& run : arm) {
      const auto steps = series(run, "steps");
      if (steps.empty()) continue;
      const auto index = std::min<std::size_t>(
          static_cast<std::size_t>(std::ranges::lower_bound(steps, step) - steps.begin()), steps.size() - 1);
      at[step].push_back(100.0 * series(run, "accuracy")[index]);
    }
  }
  std::vector<Point> points;
  for (const auto& [step, values] : at) points.push_back(point_at(step, values));
  return points;
}

// Of an even count the upper of the two in the middle: "more than 9000" where that run never got there.
std::string median_steps(std::span<const RunResult> runs, std::int64_t percent) {
  std::vector<Observation> steps;
  for (const auto& run : runs) steps.push_back(steps_until(run, percent));
  if (steps.empty() || std::ranges::any_of(steps, [](const auto& each) { return std::isnan(each.value); }))
    return "\u2013";
  const auto place = [](const Observation& each) {
    return each.kind == Observation::Kind::exact ? each.value : std::numeric_limits<double>::infinity();
  };
  std::ranges::sort(steps, {}, place);
  const auto& median = steps[steps.size() / 2];
  return fmt::format("{}{:.0f}", median.kind == Observation::Kind::exact ? "" : "more than ", median.value);
}

std::string count_arrived(std::span<const RunResult> runs, std::int64_t percent) {
  const auto count = std::ranges::count_if(runs, [&](const RunResult& run) {
    return run.error.empty() && steps_until(run, percent).kind == Observation::Kind::exact;
  });
  return fmt::format("{} of {}", count, runs.size());
}

}  // namespace

Observation steps_until(const RunResult& run, std::int64_t percent) {
  const double target = static_cast<double>(percent) / 100.0;
  if (const auto steps = first_reached(target, series(run, "steps"), series(run, "accuracy")))
    return {*steps};
  const double most = measure(run, "most_steps");
  return {most, std::isnan(most) ? Observation::Kind::exact : Observation::Kind::at_least};
}

std::string convergence_label(const std::string& model, const std::string& network) {
  if (model == "he" && network.starts_with("sigmoid")) return "plain, Xavier's start";
  return label_of(model);
}

std::vector<Figure> convergence_figures(std::span<const RunResult> runs) {
  std::vector<Figure> figures;
  for (const auto& network : levels_of(runs, "network")) {
    const auto of_network = runs_of(runs, with_factor("network", network));
    const auto target = static_cast<double>(levels_of(of_network, "target").front().whole());
    for (const auto& rate : levels_of(of_network, "rate")) {
      Figure figure{.title = fmt::format("Validation accuracy while {} trains, {}", network.word(),
                                         rate.word() == "tuned" ? "each arm at its own learning rate"
                                                                : "all arms at the same learning rate"),
                    .x = {.name = "steps", .logarithmic = true},
                    .y = {.name = "validation accuracy (%)",
                          .low = std::max(0.0, target - 17.0),
                          .high = std::min(100.0, target + 3.0)},
                    .levels = {{target, fmt::format("{:.0f} %", target)}}};
      for (const char* model : convergence_arms) {
        auto points = accuracy_curve(of_network, of_model(model) && with_factor("rate", rate));
        if (points.empty()) continue;
        figure.series.push_back({.arm = model,
                                 .label = convergence_label(model, network.word()),
                                 .points = std::move(points),
                                 .marked = false});
      }
      figures.push_back(std::move(figure));
    }
  }
  return figures;
}

Table convergence_table(std::span<const RunResult> runs) {
  Table table{.title = "Steps to the targets, medians over the seeds",
              .header = {"arm", "learning rate", "target", "steps", "got there"}};
  for (const auto& network : levels_of(runs, "network")) {
    const auto of_network = runs_of(runs, with_factor("network", network));
    const auto target = levels_of(of_network, "target").front().whole();
    for (const auto& rate : levels_of(of_network, "rate")) {
      for (const char* model : convergence_arms) {
        const auto arm = runs_of(of_network, of_model(model) && with_factor("rate", rate));
        if (arm.empty()) continue;
        table.rows.push_back({fmt::format("{}, {}", network.word(), convergence_label(model, network.word())),
                              fmt::format("{:g} ({})", arm.front().settings.learning_rate, rate.word()),
                              fmt::format("{} %", target), median_steps(arm, target),
                              count_arrived(arm, target)});
      }
    }
  }
  return table;
}

}  // namespace keel::tools
