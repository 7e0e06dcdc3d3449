#include "keel/tools/report/compare_section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

struct ComparedArm {
  const char* name;
  const char* label;
};
constexpr std::array compared_arms{ComparedArm{"plain", "plain"}, ComparedArm{"bn", "batch norm"}};

// Means with their intervals over the runs of an arm that have a finite value at the epoch.
template <class Value>
std::vector<Point> by_epoch(std::span<const RunResult> runs, const char* arm, Value value) {
  std::map<int, std::vector<double>> values;
  for (const auto& run : runs) {
    if (run.settings.model != arm) continue;
    for (const auto& epoch : run.epochs)
      if (std::isfinite(value(epoch))) values[epoch.epoch].push_back(value(epoch));
  }
  std::vector<Point> points;
  for (const auto& [epoch, each] : values) {
    const auto interval = mean_interval(each);
    points.push_back({static_cast<double>(epoch), interval.mean, interval.low, interval.high});
  }
  return points;
}

std::vector<Figure> curves(std::span<const RunResult> runs) {
  const auto train_loss = [](const EpochResult& epoch) { return epoch.train_loss; };
  const auto validation_loss = [](const EpochResult& epoch) { return epoch.validation.loss; };
  const auto accuracy = [](const EpochResult& epoch) { return 100.0 * epoch.validation.accuracy; };
  Figure loss{"Loss of training and validation", {"epoch"}, {"loss (nats)"}};
  Figure accuracies{"Accuracy of validation", {"epoch"}, {"validation accuracy (%)"}};
  for (const auto& arm : compared_arms) {
    const std::string label = arm.label;
    loss.series.push_back({arm.name, label + ", training", by_epoch(runs, arm.name, train_loss)});
    loss.series.push_back(
        {arm.name, label + ", validation", by_epoch(runs, arm.name, validation_loss), true});
    accuracies.series.push_back({arm.name, label, by_epoch(runs, arm.name, accuracy)});
  }
  return {loss, accuracies};
}

std::string mean_text(const Json& json, bool percent) {
  const double scale = percent ? 100.0 : 1.0;
  const double sd = scale * number_of(json.at("sd"));
  const double mean = scale * number_of(json.at("mean"));
  if (std::isnan(sd)) return fixed_text(mean, percent ? 2 : 4);
  const int decimals = decimals_for(sd);
  return fmt::format("{} ± {}", fixed_text(mean, decimals), fixed_text(sd, decimals));
}

std::vector<std::string> table_row(const Measure& measure, const Json& json) {
  const double scale = measure.percent ? 100.0 : 1.0;
  const auto& difference = json.at("difference");
  Effect effect{.mean = scale * number_of(difference.at("mean"))};
  if (!difference.at("low").is_null() && !difference.at("high").is_null()) {
    effect.low = scale * number_of(difference.at("low"));
    effect.high = scale * number_of(difference.at("high"));
  }
  if (!difference.at("p").is_null()) effect.p = number_of(difference.at("p"));
  const auto text = effect_text(effect, measure.percent ? "points" : "nats", true);
  return {fmt::format("{} ({})", measure.name, measure.percent ? "%" : "nats"),
          mean_text(json.at("plain"), measure.percent),
          mean_text(json.at("bn"), measure.percent),
          text.mean,
          text.interval.empty() ? "–" : text.interval,
          p_text(effect.p)};
}

Table summary_table(const Json& summary, bool several_seeds) {
  Table table{several_seeds ? "At the end: mean ± standard deviation over the seeds" : "At the end",
              {"", "plain", "batch norm", "difference", "95 % interval", "p"},
              {}};
  for (const auto& measure : compared_measures())
    if (summary.contains(measure.key)) table.rows.push_back(table_row(measure, summary.at(measure.key)));
  return table;
}

}  // namespace

Section compare_section(std::span<const RunResult> runs, const Json& summary,
                        const std::vector<std::string>& command) {
  const bool several_seeds = std::ranges::any_of(
      runs, [&](const RunResult& run) { return run.settings.seed != runs.front().settings.seed; });
  return {.claim = "The same network without and with batch normalization.",
          .experiment =
              "Each seed gives both networks the same split, the same starting weights and the same order of "
              "samples. Difference is batch norm minus plain.",
          .caveat = "",
          .findings = {},
          .figures = curves(runs),
          .tables = {summary_table(summary, several_seeds)},
          .command = command_for(command, "")};
}

}  // namespace keel::tools
