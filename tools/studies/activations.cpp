// Does batch norm stabilize the distribution of activations, and is that why it helps?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/findings/percentiles.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/probe.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr int looks = 24;                 // over the whole run
constexpr std::size_t chunks = 10;        // batches that the fixed probe consists of
constexpr std::size_t pictured_unit = 0;  // fixed beforehand, so that none is picked

// The trained parameters up to a layer's weights, and from these on.
class LowerLayers {
 public:
  LowerLayers(Network& network, std::size_t layers) {
    const auto first = fmt::format("fc{}.", layers + 1);
    bool below = true;
    for (const auto& [path, parameter] : parameters(network)) {
      if (path.starts_with(first)) below = false;
      if (!below && parameter->kind() == Parameter::Kind::trained) above_.push_back(parameter->value());
    }
  }

  // The values of all others, as they are now.
  [[nodiscard]] std::vector<Tensor> save() const {
    std::vector<Tensor> copies;
    for (const auto& value : above_) copies.push_back(value.clone());
    return copies;
  }
  void restore(std::span<const Tensor> copies) const {
    for (std::size_t i = 0; i < above_.size(); ++i)
      std::copy_n(copies[i].bytes(), copies[i].type().bytes(), above_[i].bytes());
  }

 private:
  std::vector<Tensor> above_;
};

// Looks at a network at some of its steps.
class Watch {
 public:
  Watch(Network& network, TrainingLoop& loop, const RunSettings& settings)
      : loop_(loop),
        probe_(network),
        hidden_layers_(settings.hidden.size()),
        lower_(network, hidden_layers_ - 1),
        fixed_(loop.data().train, settings.batch_size),
        size_(static_cast<std::size_t>(settings.batch_size)) {}

  // Before the step on the loop's coming batch is known: its gradient is taken on a batch of the probe.
  void before_step() {
    gather(0);
    const auto gradients = probe_.weight_gradients(fixed_.images(), fixed_.labels());
    gradient_.assign(gradients[hidden_layers_ - 1].begin(), gradients[hidden_layers_ - 1].end());
    above_ = lower_.save();
  }

  // How the gradient of the last hidden layer has changed since the layers below have moved.
  void after_step(std::int64_t step) {
    const auto moved = lower_.save();
    lower_.restore(above_);
    gather(0);
    const auto gradients = probe_.weight_gradients(fixed_.images(), fixed_.labels());
    lower_.restore(moved);
    loop_.measures()["gradient_shift"].push_back(relative_change(gradient_, gradients[hidden_layers_ - 1]));
    look_at_activations(step);
  }

  // The mean over the units of how far the median moves from one look to the next, over their spread.
  void summarize() {
    loop_.measures()["drift"] = {drift(before_activation_)};
    loop_.measures()["drift_before_norm"] = {drift(before_norm_)};
  }

 private:
  void gather(std::size_t chunk) {
    const auto& training = loop_.split().training;
    const auto begin = std::min(chunk * size_, training.size() - std::min(size_, training.size()));
    fixed_.gather(std::span{training}.subspan(begin, std::min(size_, training.size())));
  }

  void look_at_activations(std::int64_t step) {
    UnitValues before_norm;
    UnitValues before_activation;
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      gather(chunk);
      const auto hidden = probe_.last_hidden(fixed_.images());
      before_norm.add(hidden.before_norm, hidden.units);
      before_activation.add(hidden.before_activation, hidden.units);
    }
    before_norm_.push_back(before_norm.percentiles());
    before_activation_.push_back(before_activation.percentiles());
    auto& measures = loop_.measures();
    measures["steps"].push_back(static_cast<double>(step));
    record("before_norm", before_norm_.back()[pictured_unit]);
    record("before_activation", before_activation_.back()[pictured_unit]);
  }

  void record(const std::string& place, const Percentiles& unit) {
    auto& measures = loop_.measures();
    measures[place + "_p15"].push_back(unit.p15);
    measures[place + "_p50"].push_back(unit.p50);
    measures[place + "_p85"].push_back(unit.p85);
  }

  TrainingLoop& loop_;
  Probe probe_;
  std::size_t hidden_layers_;
  LowerLayers lower_;
  BatchGatherer fixed_;
  std::size_t size_;
  std::vector<float> gradient_;
  std::vector<Tensor> above_;
  std::vector<std::vector<Percentiles>> before_norm_;  // by look, by unit
  std::vector<std::vector<Percentiles>> before_activation_;
};

std::optional<RunResult> run_activations(const RunSettings& settings, const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.activation = Activation::sigmoid;
  Network network{options};
  TrainingLoop loop{network, settings, context};
  Watch watch{network, loop, settings};
  Rng noise = loop.rng().stream("noise");
  const auto interval = std::max<std::int64_t>(2, loop.steps_per_epoch() * settings.epochs / looks);
  network.draw_noise(noise);
  watch.before_step();  // before the first step
  loop.train([&](std::int64_t step, double) {
    if (step % interval == 1) watch.after_step(step);
    network.draw_noise(noise);
    if ((step + 1) % interval == 1) watch.before_step();
    return true;
  });
  watch.summarize();
  return loop.finish();
}

double mean_shift(const RunResult& run) {
  return mean_of(series(run, "gradient_shift"));
}

class ActivationsStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "activations"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization stabilizes the distribution of activations (internal covariate shift).";
  }
  [[nodiscard]] std::string experiment() const override {
    return "784-100-100-100-10 with sigmoid, batch 60, learning rate 0.1, momentum 0.9. At 24 steps over the "
           "training: the 15th, 50th and 85th percentiles of what the last hidden layer's units get before "
           "their norm and before their activation, on 600 fixed images; and by how much the gradient of "
           "that layer's weights changes when the layers below have made their step. Drift is the mean "
           "movement of a unit's median from one look to the next, over the distance of its outer "
           "percentiles. A third arm adds noise behind batch norm that gives every unit another "
           "distribution at every step.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "That batch norm helps because it reduces internal covariate shift is Ioffe and Szegedy's (2015) "
           "explanation, and it is disputed: Santurkar et al. (2018) found that gradients shift as much with "
           "it as without, and that networks with batch norm and noise behind it train as well although "
           "their activations are less stable; they credit a smoother loss instead. Drift, gradient shift "
           "and "
           "what training gains are therefore judged apart.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      for (const char* model : {"plain", "bn", "noisy-bn"}) {
        auto settings = settings_for(*this, scale, model, seed);
        settings.hidden = {100, 100, 100};
        settings.batch_size = 60;
        settings.learning_rate = 0.1;
        settings.epochs = scale.quick ? 1 : 4;
        auto job = job_for(scale, settings, run_activations);
        if (settings.model == "noisy-bn") job.cost *= 2.0;
        jobs.push_back(std::move(job));
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto ratio = [](double a, double b) { return a / b; };
    const auto of = [&](const char* model, const RunValue& value) {
      return by_seed(runs, of_model(model), value);
    };
    const RunValue drift = [](const RunResult& run) { return measure(run, "drift"); };
    const RunValue accuracy = [](const RunResult& run) { return 100.0 * final_accuracy(run); };
    return {tools::judge({.name = "drift of what activations get, plain / batch norm",
                          .claim = "With batch norm the distribution that activations get moves less.",
                          .unit = "times",
                          .scale = Endpoint::Scale::ratio,
                          .least = 1.2},
                         pairwise(of("plain", drift), of("bn", drift), ratio)),
            tools::judge({.name = "gradient shift by the layers below, plain / batch norm",
                          .claim = "With batch norm a layer's gradient changes less when those below move.",
                          .unit = "times",
                          .scale = Endpoint::Scale::ratio,
                          .least = 1.2},
                         pairwise(of("plain", mean_shift), of("bn", mean_shift), ratio)),
            tools::judge({.name = "final accuracy, batch norm - noisy batch norm",
                          .claim = "Without stable distributions, batch norm trains worse.",
                          .unit = "points",
                          .least = 1.0},
                         pairwise(of("bn", accuracy), of("noisy-bn", accuracy),
                                  [](double a, double b) { return a - b; }))};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    std::vector<Figure> figures;
    for (const char* model : {"plain", "bn", "noisy-bn"}) figures.push_back(percentile_figure(runs, model));
    Figure shift{.title = "Change of a layer's gradient when the layers below move",
                 .x = {.name = "steps"},
                 .y = {.name = "relative change", .low = 0.0}};
    Figure accuracy{.title = "Validation accuracy by epoch",
                    .x = {.name = "epochs"},
                    .y = {.name = "validation accuracy (%)"}};
    for (const char* model : {"plain", "bn", "noisy-bn"}) {
      shift.series.push_back({.arm = model,
                              .label = label_of(model),
                              .points = mean_series(runs, model, "steps", "gradient_shift"),
                              .marked = false});
      accuracy.series.push_back({.arm = model,
                                 .label = label_of(model),
                                 .points = by_epoch(runs, of_model(model), [](const EpochResult& epoch) {
                                   return 100.0 * epoch.validation.accuracy;
                                 })});
    }
    figures.push_back(std::move(shift));
    figures.push_back(std::move(accuracy));
    return figures;
  }

 private:
  static std::vector<Point> mean_series(std::span<const RunResult> runs, const std::string& model,
                                        const std::string& x, const std::string& y) {
    std::map<double, std::vector<double>> at;
    for (const auto& run : runs_of(runs, of_model(model))) {
      const auto xs = series(run, x);
      const auto ys = series(run, y);
      for (std::size_t i = 0; i < std::min(xs.size(), ys.size()); ++i) at[xs[i]].push_back(ys[i]);
    }
    std::vector<Point> points;
    for (const auto& [step, values] : at) points.push_back(point_at(step, values));
    return points;
  }

  // One unit of the first seed's run: an average over runs would hide what moves.
  static Figure percentile_figure(std::span<const RunResult> runs, const std::string& model) {
    Figure figure{
        .title = fmt::format("What one unit's sigmoid gets, {}: percentiles 15, 50, 85 (first seed)",
                             label_of(model)),
        .x = {.name = "steps"},
        .y = {.name = "input of the activation"}};
    const auto arm = runs_of(runs, of_model(model));
    if (arm.empty()) return figure;
    const auto& run = *std::ranges::min_element(arm, {}, [](const auto& r) { return r.settings.seed; });
    const auto steps = series(run, "steps");
    for (const char* percentile : {"p85", "p50", "p15"}) {
      Series line{.arm = model,
                  .label = fmt::format("{}th percentile", percentile + 1),
                  .dashed = std::string_view{percentile} != "p50",
                  .marked = false};
      const auto values = series(run, fmt::format("before_activation_{}", percentile));
      for (std::size_t i = 0; i < std::min(steps.size(), values.size()); ++i)
        line.points.push_back({.x = steps[i], .y = values[i]});
      figure.series.push_back(std::move(line));
    }
    return figure;
  }
};

}  // namespace

std::unique_ptr<Study> activations_study() {
  return std::make_unique<ActivationsStudy>();
}

}  // namespace keel::tools
