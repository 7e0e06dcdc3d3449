#include "keel/tools/studies/regularization_figures.hpp"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "keel/tools/runs/arms.hpp"

namespace keel::tools {
namespace {

// Test loss against training loss, along the training.
Figure path_figure(std::span<const RunResult> runs, const Factor& images) {
  Figure figure{
      .title = fmt::format("Test loss along the training loss, {} images, all tuned", images.whole()),
      .x = {.name = "training loss (nats)", .logarithmic = true},
      .y = {.name = "test loss (nats)"}};
  for (const char* model : regularization_arms) {
    std::map<std::size_t, std::vector<double>> train;
    std::map<std::size_t, std::vector<double>> test;
    for (const auto& run :
         runs_of(runs, of_model(model) && with_factor("images", images) && with_factor("rate", "tuned"))) {
      for (std::size_t i = 0; i < series(run, "train_loss").size(); ++i) {
        train[i].push_back(series(run, "train_loss")[i]);
        test[i].push_back(series(run, "test_loss")[i]);
      }
    }
    if (train.empty()) continue;
    Series line{.arm = model, .label = regularization_label(model)};
    for (const auto& [i, values] : train) line.points.push_back(point_at(mean_of(values), test[i]));
    figure.series.push_back(std::move(line));
  }
  return figure;
}

std::string chosen(const RunSettings& settings) {
  auto text = fmt::format("rate {:g}", settings.learning_rate);
  if (const auto* dropout = settings.factors.find("dropout"))
    text += fmt::format(", dropout {:g}", dropout->number());
  if (settings.weight_decay > 0.0) text += fmt::format(", decay {:g}", settings.weight_decay);
  return text;
}

}  // namespace

std::string regularization_label(const std::string& model) {
  return model == "weight-decay" ? "weight decay" : label_of(model);
}

double regularization_accuracy(const RunResult& run) {
  return run.test ? 100.0 * run.test->accuracy : std::nan("");
}

std::vector<Figure> regularization_figures(std::span<const RunResult> runs) {
  Figure accuracy{.title = "Test accuracy by number of training images, all tuned",
                  .x = {.name = "training images"},
                  .y = {.name = "test accuracy (%)"}};
  const auto levels = levels_of(runs, "images");
  for (const auto& images : levels) accuracy.x.categories.push_back(fmt::format("{}", images.whole()));
  for (const char* model : regularization_arms) {
    Series line{.arm = model, .label = regularization_label(model)};
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const auto accuracies =
          by_seed(runs, of_model(model) && with_factor("images", levels[i]) && with_factor("rate", "tuned"),
                  regularization_accuracy);
      if (!accuracies.empty()) line.points.push_back(point_at(static_cast<double>(i), accuracies));
    }
    if (!line.points.empty()) accuracy.series.push_back(std::move(line));
  }
  std::vector<Figure> figures{std::move(accuracy)};
  for (const auto& images : levels) figures.push_back(path_figure(runs, images));
  return figures;
}

Table regularization_table(std::span<const RunResult> runs) {
  Table table{.title = "Test accuracy, means over the seeds",
              .header = {"arm", "images", "settings", "test accuracy (%)"}};
  for (const auto& images : levels_of(runs, "images")) {
    for (const char* rate : {"tuned", "common"}) {
      for (const char* model : regularization_arms) {
        const auto filter = of_model(model) && with_factor("images", images) && with_factor("rate", rate);
        const auto arm = runs_of(runs, filter);
        if (arm.empty()) continue;
        std::vector<double> accuracies;
        for (const auto& run : arm) accuracies.push_back(regularization_accuracy(run));
        table.rows.push_back({fmt::format("{}, {}", regularization_label(model), rate),
                              fmt::format("{}", images.whole()), chosen(arm.front().settings),
                              fmt::format("{:.2f}", mean_of(accuracies))});
      }
    }
  }
  return table;
}

}  // namespace keel::tools
