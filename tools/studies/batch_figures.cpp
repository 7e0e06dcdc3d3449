#include "keel/tools/studies/batch_figures.hpp"

#include <fmt/format.h>

namespace keel::tools {
namespace {

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
  for (const char* model : batch_models) {
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
    for (const char* model : batch_models) figures.push_back(loss_curves(runs, view, model));
  return figures;
}

}  // namespace keel::tools
