#include "keel/tools/studies/batch_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/statistics.hpp"
#include "keel/tools/studies/targets.hpp"

namespace keel::tools {
namespace {

constexpr std::array models{"plain", "bn"};

std::vector<double> values_of(const BySeed& by_seed) {
  std::vector<double> values;
  for (const auto& [seed, value] : by_seed) values.push_back(value);
  return values;
}

// Mean and standard deviation of what is finite, and how many were not.
std::string spread_text(const BySeed& by_seed, double scale, int digits) {
  std::vector<double> finite;
  for (const auto& [seed, value] : by_seed)
    if (std::isfinite(value)) finite.push_back(scale * value);
  if (finite.empty()) return "never";
  const auto [mean, sd] = summarize(finite);
  auto text = fmt::format("{:.{}f}", mean, digits);
  if (sd) text += fmt::format(" \u00b1 {:.{}f}", *sd, digits);
  if (finite.size() < by_seed.size()) text += fmt::format(" ({} of {})", finite.size(), by_seed.size());
  return text;
}

struct Column {
  const char* name;
  RunValue value;
  double scale = 1.0;
  int digits = 2;
};

std::vector<Column> columns() {
  std::vector<Column> result{{"accuracy, %", final_accuracy, 100.0, 2},
                             {"val. loss", final_validation_loss, 1.0, 4},
                             {"val. - train loss", loss_gap, 1.0, 4}};
  result.push_back({"epochs to 95 %", [](const RunResult& run) { return epochs_to(run, 0.95); }, 1.0, 2});
  result.push_back({"epochs to 97 %", [](const RunResult& run) { return epochs_to(run, 0.97); }, 1.0, 2});
  result.push_back(
      {"steps to 95 %", [](const RunResult& run) { return measure(run, "steps_to_95"); }, 1.0, 0});
  result.push_back(
      {"steps to 97 %", [](const RunResult& run) { return measure(run, "steps_to_97"); }, 1.0, 0});
  result.push_back({"s to 95 %", [](const RunResult& run) { return measure(run, "to_95_seconds"); }, 1.0, 2});
  result.push_back({"s to 97 %", [](const RunResult& run) { return measure(run, "to_97_seconds"); }, 1.0, 2});
  result.push_back(
      {"sd of last losses", [](const RunResult& run) { return measure(run, "last_losses_sd"); }, 1.0, 3});
  return result;
}

Table numbers(const BatchRuns& runs, BatchView view) {
  Table table{.title = fmt::format("With {}: means \u00b1 standard deviations over the seeds", name_of(view)),
              .header = {"network, batch"}};
  for (const auto& column : columns()) table.header.emplace_back(column.name);
  for (const char* model : models) {
    for (const auto batch : runs.sizes()) {
      std::vector<std::string> row{fmt::format("{}, {}", label_of(model), batch)};
      for (const auto& column : columns())
        row.push_back(
            spread_text(runs.by_seed(view, model, batch, column.value), column.scale, column.digits));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

double mean_over_seeds(const BySeed& by_seed) {
  return mean_of(values_of(by_seed));
}

double sd_over_seeds(const BySeed& by_seed) {
  const auto values = values_of(by_seed);
  return values.empty() ? std::nan("") : summarize(values).sd.value_or(std::nan(""));
}

// The smallest and the largest batch size held against each other by one number.
class Contrast {
 public:
  Contrast(const BatchRuns& runs, BatchView view, const char* model)
      : runs_(runs), view_(view), model_(model) {}

  // "batch 32 needs fewer epochs to 95 % (1.20 against 2.40)"; nothing where a run lacks the number.
  void say(const char* less, const char* more, const RunValue& value, int digits, double scale = 1.0,
           double (*over_seeds)(const BySeed&) = mean_over_seeds) {
    const auto of = [&](std::int64_t batch) {
      return scale * over_seeds(runs_.by_seed(view_, model_, batch, value));
    };
    const double small = of(runs_.sizes().front());
    const double large = of(runs_.sizes().back());
    if (!std::isfinite(small) || !std::isfinite(large)) return;
    text_ += fmt::format("{}{} ({:.{}f} against {:.{}f})", text_.empty() ? "" : ", ",
                         small < large ? less : more, small, digits, large, digits);
  }

  [[nodiscard]] std::string sentence() const {
    return fmt::format("Batch {} against {}: {}.", runs_.sizes().front(), runs_.sizes().back(), text_);
  }

 private:
  const BatchRuns& runs_;
  BatchView view_;
  const char* model_;
  std::string text_;
};

std::string in_words(const BatchRuns& runs, BatchView view, const char* model) {
  Contrast contrast{runs, view, model};
  contrast.say(
      "fewer epochs to 95 %", "more epochs to 95 %",
      [](const RunResult& run) { return epochs_to(run, 0.95); }, 2);
  contrast.say(
      "fewer steps to it", "more steps to it",
      [](const RunResult& run) { return measure(run, "steps_to_95"); }, 0);
  contrast.say(
      "less time to it, in seconds", "more time to it, in seconds",
      [](const RunResult& run) { return measure(run, "to_95_seconds"); }, 2);
  contrast.say(
      "batch losses that vary less", "batch losses that vary more",
      [](const RunResult& run) { return measure(run, "last_losses_sd"); }, 3);
  contrast.say("a lower final accuracy, in %", "a higher final accuracy, in %", final_accuracy, 2, 100.0);
  contrast.say("a lower validation loss", "a higher validation loss", final_validation_loss, 4);
  contrast.say("a narrower gap from training to validation loss",
               "a wider gap from training to validation loss", loss_gap, 4);
  contrast.say("a final loss that varies less over the seeds", "a final loss that varies more over the seeds",
               final_validation_loss, 4, 1.0, sd_over_seeds);
  return contrast.sentence();
}

Table trade_offs(const BatchRuns& runs) {
  Table table{.title = "The trade-offs, in words",
              .header = {"view, network", "what the numbers say"},
              .words = true};
  for (const auto view : batch_views)
    for (const char* model : models)
      table.rows.push_back(
          {fmt::format("{}, {}", name_of(view), label_of(model)), in_words(runs, view, model)});
  return table;
}

Figure loss_curves(const BatchRuns& runs, BatchView view, const char* model) {
  Figure figure{.title = fmt::format("Loss by epoch, {}, with {}", label_of(model), name_of(view)),
                .x = {.name = "epochs"},
                .y = {.name = "loss (nats)", .logarithmic = true}};
  const auto any = [](const RunResult&) { return true; };
  for (const auto batch : runs.sizes()) {
    const auto arm = fmt::format("batch {}", batch);
    const auto own = runs.of(view, model, batch);
    figure.series.push_back(
        {.arm = arm, .label = arm + ", training", .points = by_epoch(own, any, [](const EpochResult& e) {
                                                    return e.train_loss;
                                                  })});
    figure.series.push_back(
        {.arm = arm,
         .label = arm + ", validation",
         .points = by_epoch(own, any, [](const EpochResult& e) { return e.validation.loss; }),
         .dashed = true});
  }
  return figure;
}

Figure by_batch(const BatchRuns& runs, BatchView view, const char* what, const char* axis, double scale,
                const RunValue& value) {
  Figure figure{.title = fmt::format("{} by batch size, with {}", what, name_of(view)),
                .x = {.name = "batch size"},
                .y = {.name = axis}};
  for (const auto batch : runs.sizes()) figure.x.categories.push_back(fmt::format("{}", batch));
  for (const char* model : models) {
    Series line{.arm = model, .label = label_of(model)};
    for (std::size_t i = 0; i < runs.sizes().size(); ++i) {
      line.points.push_back(point_at(static_cast<double>(i),
                                     runs.by_seed(view, model, runs.sizes()[i],
                                                  [&](const RunResult& run) { return scale * value(run); })));
    }
    figure.series.push_back(std::move(line));
  }
  return figure;
}

}  // namespace

std::vector<Figure> batch_figures(const BatchRuns& runs) {
  std::vector<Figure> figures;
  for (const auto view : batch_views)
    figures.push_back(
        by_batch(runs, view, "Final validation accuracy", "validation accuracy (%)", 100.0, final_accuracy));
  for (const auto view : batch_views)
    figures.push_back(by_batch(runs, view, "Epochs to 95 %", "epochs", 1.0,
                               [](const RunResult& run) { return epochs_to(run, 0.95); }));
  for (const auto view : batch_views)
    for (const char* model : models) figures.push_back(loss_curves(runs, view, model));
  return figures;
}

std::vector<Table> batch_tables(const BatchRuns& runs) {
  std::vector<Table> tables;
  for (const auto view : batch_views) tables.push_back(numbers(runs, view));
  if (runs.sizes().size() > 1) tables.push_back(trade_offs(runs));
  return tables;
}

Json batch_summary(const BatchRuns& runs) {
  const auto summary = [](const BySeed& by_seed) {
    const auto values = values_of(by_seed);
    if (values.empty()) return Json{{"mean", nullptr}, {"sd", nullptr}};
    const auto [mean, sd] = summarize(values);
    return Json{{"mean", number(mean)}, {"sd", number(sd)}};
  };
  Json views = Json::object();
  for (const auto view : batch_views) {
    for (const char* model : models) {
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
