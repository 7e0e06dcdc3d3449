#include "keel/tools/studies/sharpness_figures.hpp"

#include <fmt/format.h>

#include <string>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/curves.hpp"

namespace keel::tools {
namespace {

struct SpectrumKind {
  std::string model;
  std::string prefix;  // of the measures
  std::string label;
};

std::vector<SpectrumKind> spectrum_kinds() {
  std::vector<SpectrumKind> all;
  for (const std::string model : sharpness_arms)
    all.push_back({model, "", model == "bn" ? "batch norm, batch statistics" : label_of(model)});
  all.push_back({"bn", "population_", "batch norm, the same statistics as constants"});
  return all;
}

RunFilter in_part(const char* part, const std::string& model) {
  return with_factor("part", part) && of_model(model);
}

// Those that came down to the loss at which spectra are compared.
RunFilter reached_spectra_of(const std::string& model) {
  return in_part("spectrum", model) && [](const RunResult& run) { return measure(run, "reached") == 1.0; };
}

Figure eigenvalue_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "The largest eigenvalues of the Hessian, at a tenth of the loss of guessing",
                .x = {.name = "rank"},
                .y = {.name = "eigenvalue", .logarithmic = true}};
  for (const auto& [model, prefix, label] : spectrum_kinds())
    figure.series.push_back(
        {.arm = model,
         .label = label,
         .points = geometric_curve(runs, reached_spectra_of(model), prefix + "eigenvalues"),
         .dashed = !prefix.empty()});
  return figure;
}

Figure share_figure(std::span<const RunResult> runs) {
  Figure figure{.title = "How much of the squared gradient lies along the ten largest curvatures",
                .x = {.name = "network"},
                .y = {.name = "share of the squared gradient (%)", .low = 0.0, .high = 100.0}};
  for (const auto& [model, prefix, label] : spectrum_kinds()) {
    const auto name = prefix + "gradient_share";
    figure.series.push_back(
        {.arm = model,
         .label = label,
         .points = {point_at(static_cast<double>(figure.x.categories.size()),
                             by_seed(runs, reached_spectra_of(model),
                                     [&](const RunResult& run) { return 100.0 * measure(run, name); }))},
         .dashed = !prefix.empty()});
    figure.x.categories.push_back(prefix.empty() ? label_of(model) : "constants");
  }
  return figure;
}

Figure descent_figure(std::span<const RunResult> runs, const std::string& measure, const std::string& title,
                      const Axis& y) {
  Figure figure{.title = title, .x = {.name = "steps"}, .y = y};
  for (const auto& [model, rate] : descents)
    figure.series.push_back({.arm = model,
                             .label = fmt::format("{}, rate {}", label_of(model), rate),
                             .points = mean_curve(runs, in_descent(model, rate), measure, "steps"),
                             .dashed = rate > 0.1,
                             .marked = false});
  return figure;
}

}  // namespace

RunFilter in_descent(const std::string& model, double rate) {
  return in_part("descent", model) &&
         [rate](const RunResult& run) { return run.settings.learning_rate == rate; };
}

std::vector<Figure> sharpness_figures(std::span<const RunResult> runs) {
  auto edge = descent_figure(runs, "rate_times_sharpness",
                             "Full batch training: learning rate times largest eigenvalue",
                             {.name = "rate x eigenvalue", .low = 0.0});
  edge.levels = {{2.0, "edge of stability"}};
  return {eigenvalue_figure(runs), share_figure(runs), std::move(edge),
          descent_figure(runs, "loss_over_guessing", "Full batch training: loss",
                         {.name = "loss over that of guessing", .logarithmic = true})};
}

}  // namespace keel::tools
