#include "keel/tools/studies/batch_tables.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/training/targets.hpp"

namespace keel::tools {
namespace {

// Mean and standard deviation of what is finite, and of how many that is; `none` if nothing is.
std::string spread_text(const BySeed& by_seed, double scale, int decimals, const char* none) {
  std::vector<double> finite;
  for (const auto& [seed, value] : by_seed)
    if (std::isfinite(value)) finite.push_back(scale * value);
  if (finite.empty()) return none;
  const auto [mean, sd] = summarize(finite);
  auto text = fixed_text(mean, decimals);
  if (sd) text += fmt::format(" \u00b1 {}", fixed_text(*sd, decimals));
  if (finite.size() < by_seed.size()) text += fmt::format(" ({} of {})", finite.size(), by_seed.size());
  return text;
}

struct Column {
  std::string name;
  RunValue value;
  double scale = 1.0;
  int decimals = 2;
  const char* none = "\u2013";
};

std::vector<Column> columns_of_the_end() {
  return {{"accuracy, %", final_accuracy, 100.0, 2},
          {"validation loss", final_validation_loss, 1.0, 4},
          {"validation \u2212 training loss", loss_gap, 1.0, 4},
          {"sd of the last 100 batch losses",
           [](const RunResult& run) { return measure(run, "last_losses_sd"); }, 1.0, 3}};
}

std::vector<Column> columns_of_the_way() {
  constexpr const char* never = "never";
  std::vector<Column> columns;
  for (const double target : accuracy_targets) {
    const auto percent = target_name(target);
    const auto one_measure = [](const std::string& name) {
      return [name](const RunResult& run) { return measure(run, name); };
    };
    columns.push_back({fmt::format("epochs to {} %", percent),
                       [target](const RunResult& run) { return epochs_to(run, target); }, 1.0, 2, never});
    columns.push_back(
        {fmt::format("steps to {} %", percent), one_measure("steps_to_" + percent), 1.0, 0, never});
    columns.push_back({fmt::format("s to {} %", percent), one_measure(fmt::format("to_{}_seconds", percent)),
                       1.0, 2, never});
  }
  return columns;
}

Table numbers(const BatchRuns& runs, BatchView view, const char* what, const char* over,
              const std::vector<Column>& columns) {
  Table table{.title = fmt::format("With {}: {} (means \u00b1 standard deviations over the {})",
                                   name_of(view), what, over),
              .header = {"network, batch"}};
  for (const auto& column : columns) table.header.push_back(column.name);
  for (const char* model : batch_models) {
    for (const auto batch : runs.sizes()) {
      std::vector<std::string> row{fmt::format("{}, {}", label_of(model), batch)};
      for (const auto& column : columns)
        row.push_back(spread_text(runs.by_seed(view, model, batch, column.value), column.scale,
                                  column.decimals, column.none));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

}  // namespace

std::vector<Table> batch_tables(const BatchRuns& runs) {
  std::vector<Table> tables;
  for (const auto view : batch_views) {
    tables.push_back(numbers(runs, view, "where training ends", "seeds", columns_of_the_end()));
    tables.push_back(numbers(runs, view, "how fast it gets there", "seeds that do", columns_of_the_way()));
  }
  return tables;
}

Json batch_summary(const BatchRuns& runs) {
  const auto summary = [](const BySeed& by_seed) {
    std::vector<double> values;
    for (const auto& [seed, value] : by_seed) values.push_back(value);
    if (values.empty()) return Json{{"mean", nullptr}, {"sd", nullptr}};
    const auto [mean, sd] = summarize(values);
    return Json{{"mean", number(mean)}, {"sd", number(sd)}};
  };
  Json views = Json::object();
  for (const auto view : batch_views) {
    for (const char* model : batch_models) {
      for (const auto batch : runs.sizes()) {
        views[name_of(view)][model][fmt::format("{}", batch)] = {
            {"validation_accuracy", summary(runs.by_seed(view, model, batch, final_accuracy))},
            {"validation_loss", summary(runs.by_seed(view, model, batch, final_validation_loss))}};
      }
    }
  }
  return {{"batch_sizes", std::move(views)}};
}

}  // namespace keel::tools
