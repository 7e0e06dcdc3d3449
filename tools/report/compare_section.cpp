#include "keel/tools/report/compare_section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/findings/mark.hpp"
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
    points.push_back({.x = static_cast<double>(epoch),
                      .y = interval.mean,
                      .low = interval.low,
                      .high = interval.high,
                      .count = static_cast<int>(each.size())});
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

// The runs of one arm that have a finite value, by seed.
std::map<std::uint64_t, double> values_by_seed(std::span<const RunResult> runs, const char* arm,
                                               const Measure& measure) {
  std::map<std::uint64_t, double> values;
  for (const auto& run : runs)
    if (run.settings.model == arm && std::isfinite(measure.of(run)))
      values[run.settings.seed] = measure.of(run);
  return values;
}

std::string mean_text(const Json& json, bool percent) {
  const double scale = percent ? 100.0 : 1.0;
  const double sd = scale * number_of(json.at("sd"));
  const double mean = scale * number_of(json.at("mean"));
  if (std::isnan(sd)) return fixed_text(mean, percent ? 2 : 4);
  const int decimals = decimals_for(sd);
  return fmt::format("{} ± {}", fixed_text(mean, decimals), fixed_text(sd, decimals));
}

Effect difference_of(const Measure& measure, const Json& json) {
  const double scale = measure.percent ? 100.0 : 1.0;
  const auto& difference = json.at("difference");
  Effect effect{.mean = scale * number_of(difference.at("mean"))};
  if (!difference.at("low").is_null() && !difference.at("high").is_null()) {
    effect.low = scale * number_of(difference.at("low"));
    effect.high = scale * number_of(difference.at("high"));
  }
  if (!difference.at("p").is_null()) effect.p = effect.p_holm = number_of(difference.at("p"));
  return effect;
}

// A difference as the forest plot takes it; no verdict goes with it.
Finding difference_by_seed(std::span<const RunResult> runs, const Measure& measure, const Json& json) {
  // Before there is a finding: within its braces GCC 12 destroys the name twice when this throws.
  const auto effect = difference_of(measure, json);
  Finding finding{.endpoint = {.name = fmt::format("{}, batch norm - plain", measure.name),
                               .unit = measure.percent ? "points" : "nats"},
                  .effect = effect};
  const auto plain = values_by_seed(runs, "plain", measure);
  for (const auto& [seed, value] : values_by_seed(runs, "bn", measure))
    if (const auto other = plain.find(seed); other != plain.end())
      finding.values.push_back({(measure.percent ? 100.0 : 1.0) * (value - other->second)});
  return finding;
}

std::vector<std::string> table_row(const Measure& measure, const Json& json) {
  const auto effect = difference_of(measure, json);
  const auto text = effect_text(effect, measure.percent ? "points" : "nats", true);
  return {fmt::format("{} ({})", measure.name, measure.percent ? "%" : "nats"),
          mean_text(json.at("plain"), measure.percent),
          mean_text(json.at("bn"), measure.percent),
          text.mean,
          text.interval.empty() ? "–" : text.interval,
          p_text(effect.p)};
}

// What the first row of the table says, in the picture of accuracies.
void mark_difference(Figure& accuracies, const Json& summary) {
  const auto& measure = compared_measures().front();
  const auto& bn = accuracies.series.back().points;
  if (bn.empty() || !summary.contains(measure.key)) return;
  const auto label = effect_text(difference_of(measure, summary.at(measure.key)), "points", true).mean;
  accuracies.mark = gap_at(accuracies, "plain", "bn", bn.back().x, label);
  if (accuracies.mark) accuracies.mark->what = "the mean difference after the last epoch";
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
  auto figures = curves(runs);
  mark_difference(figures.back(), summary);
  std::vector<Finding> differences;
  for (const auto& measure : compared_measures())
    if (several_seeds && summary.contains(measure.key))
      differences.push_back(difference_by_seed(runs, measure, summary.at(measure.key)));
  return {.claim = "The same network without and with batch normalization.",
          .experiment =
              "Each seed gives both networks the same split, the same starting weights and the same order of "
              "samples. Difference is batch norm minus plain.",
          .caveat = "",
          .findings = {},
          .differences = std::move(differences),
          .figures = std::move(figures),
          .tables = {summary_table(summary, several_seeds)},
          .command = command_for(command, "")};
}

}  // namespace keel::tools
