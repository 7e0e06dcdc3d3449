// Is the loss smoother with batch norm?

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/curves.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/loss_surface.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array landscape_arms{"plain", "he", "ln", "bn", "noisy-bn"};
// Losses at which the arms are compared, over that of guessing, which is ln(classes); and the one that is
// judged. Higher ones are passed so fast that arms would not be at equal loss.
constexpr std::array loss_levels{0.5, 0.3, 0.2, 0.1};
constexpr double judged_level = 0.3;
constexpr std::array raw_steps{0.5, 1.0, 2.0, 4.0};  // times the learning rate: Santurkar et al.'s range
constexpr std::array relative_steps{0.005, 0.01, 0.02, 0.04};  // over the norm of the weights
constexpr std::size_t probe_images = 256;
constexpr std::int64_t landscape_interval = 5;

// What is seen along the gradient from where the network stands.
struct AlongGradient {
  double change = 0.0;      // the most, over the steps, of the gradient's change over the step's length
  double loss_range = 0.0;  // of the losses at the steps, over the loss here
};

AlongGradient look_along(LossSurface& surface, const BatchGatherer& probe, std::span<const double> steps) {
  const auto here = surface.weights();
  const auto [loss, gradient] = surface.look(probe.images(), probe.labels());
  const double slope = length(gradient);
  AlongGradient result;
  double low = loss;
  double high = loss;
  for (const double step : steps) {
    surface.set_weights(moved(here, -step, gradient));
    const auto there = surface.look(probe.images(), probe.labels());
    result.change = std::max(result.change, distance(gradient, there.gradient) / (step * slope));
    low = std::min(low, there.loss);
    high = std::max(high, there.loss);
  }
  surface.set_weights(here);
  result.loss_range = (high - low) / loss;
  return result;
}

void look_at_landscape(LossSurface& surface, const BatchGatherer& probe, double rate, Measures& measures) {
  std::vector<double> steps;
  for (const double factor : raw_steps) steps.push_back(factor * rate);
  const auto raw = look_along(surface, probe, steps);
  const double weights = length(surface.weights());
  const double slope = length(surface.look(probe.images(), probe.labels()).gradient);
  steps.clear();
  for (const double share : relative_steps) steps.push_back(share * weights / slope);
  const auto relative = look_along(surface, probe, steps);
  measures["smoothness"].push_back(raw.change);
  measures["loss_range"].push_back(raw.loss_range);
  // Both the gradient's change and the step as shares: of the gradient, and of the weights.
  measures["relative_smoothness"].push_back(relative.change * weights / slope);
  measures["relative_loss_range"].push_back(relative.loss_range);
}

std::optional<RunResult> run_landscape(const RunSettings& settings, const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.largest_batch = std::max<std::int64_t>(settings.batch_size, probe_images);
  Network network{options};
  TrainingLoop loop{network, settings, context};
  Rng noise = loop.rng().stream("noise");
  network.draw_noise(noise);
  LossSurface surface{network, LossSurface::Of::matrices};
  const auto size = std::min(probe_images, loop.split().training.size());
  BatchGatherer probe{context.data.train, static_cast<std::int64_t>(size)};
  probe.gather(std::span{loop.split().training}.first(size));
  const double guessing = std::log(context.data.classes);
  auto& measures = loop.measures();
  std::size_t level = 0;
  loop.train([&](std::int64_t step, double) {
    if (step % landscape_interval == 0) {
      const double loss = surface.look(probe.images(), probe.labels()).loss;
      for (; level < loss_levels.size() && loss <= loss_levels[level] * guessing; ++level) {
        measures["level"].push_back(loss_levels[level]);
        measures["loss"].push_back(loss);
        measures["step"].push_back(static_cast<double>(step));
        look_at_landscape(surface, probe, settings.learning_rate, measures);
      }
    }
    network.draw_noise(noise);
    return level < loss_levels.size();
  });
  return loop.finish();
}

// At the judged level; unknown if the run did not come down to it.
double at_judged_level(const RunResult& run, const char* name) {
  const auto levels = series(run, "level");
  const auto values = series(run, name);
  const auto found = std::ranges::find(levels, judged_level);
  const auto place = static_cast<std::size_t>(found - levels.begin());
  return place < values.size() ? values[place] : std::nan("");
}

class LandscapeStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "landscape"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization makes the loss smoother: its gradient changes less along a step.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Three hidden layers of 100 with ReLU, plain SGD without momentum, learning rate 0.1, batch 64: "
           "plain by PyTorch's start and by He's, layer norm, batch norm, and batch norm made noisy. Each "
           "arm is looked at where its loss on 256 fixed training images first falls to 50, 30, 20 and "
           "10 % of that of guessing, so that all are compared at equal loss, on these images, by the "
           "gradient of the layers' weights. Steps along it of 1/2, 1, 2 and 4 times the learning rate "
           "(raw), and of 0.5, 1, 2 and 4 % of the weights' norm (relative): the most by which the gradient "
           "changes, over the length of the step, and the range of the loss. For relative steps both the "
           "gradient's change and the step are shares. Judged at 30 %.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Santurkar et al. (2018) found the range of the loss and the change of the gradient smaller with "
           "batch norm along raw steps of a deep convolutional network, and as much smaller when the norm "
           "was made noisy or replaced by other norms. A raw step is not a fair unit: with a norm behind a "
           "layer the loss does not change when its weights are scaled by c, while its gradient shrinks by "
           "c and its curvature by c^2. The relative steps are free of that for all weights together, not "
           "for each layer. The same learning rate is used for all arms, and only one of its two uses here "
           "is to get to the loss at which they are compared.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      for (const char* model : landscape_arms) {
        auto settings = settings_for(*this, scale, model, seed);
        settings.hidden = {100, 100, 100};
        settings.learning_rate = 0.1;
        settings.momentum = 0.0;
        const std::int64_t longest = scale.quick ? 750 : 3000;
        const auto an_epoch = steps_per_epoch(scale, settings);
        settings.epochs = static_cast<int>((longest + an_epoch - 1) / an_epoch);
        auto job = job_for(scale, settings, run_landscape);
        job.cost = 0.25;  // it ends at its lowest level, long before its last epoch
        jobs.push_back(std::move(job));
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto unreached = [&](const std::vector<std::string>& models) {
      const auto count = std::ranges::count_if(runs, [&](const RunResult& run) {
        return std::ranges::find(models, run.settings.model) != models.end() && run.error.empty() &&
               std::isnan(at_judged_level(run, "loss"));
      });
      return count == 0 ? ""
                        : fmt::format("{} run{} did not come down to {:g} % of the loss of guessing", count,
                                      count == 1 ? "" : "s", 100.0 * judged_level);
    };
    const auto finding = [&](const char* what, const char* measure, const char* model, const char* other,
                             const char* claim) {
      const auto of = [&](const char* arm) {
        return by_seed(runs, of_model(arm),
                       [&](const RunResult& run) { return at_judged_level(run, measure); });
      };
      return tools::judge({.name = fmt::format("{}, {} / {}", what, label_of(other), label_of(model)),
                           .claim = claim,
                           .unit = "times",
                           .scale = Endpoint::Scale::ratio,
                           .least = 1.2},
                          pairwise(of(other), of(model), [](double a, double b) { return a / b; }),
                          unreached({model, other}));
    };
    constexpr auto raw = "change of the gradient over a raw step";
    constexpr auto relative = "change of the gradient over a relative step";
    return {
        finding(raw, "smoothness", "bn", "he", "With batch norm the gradient changes less along a raw step."),
        finding(
            relative, "relative_smoothness", "bn", "he",
            "With batch norm the gradient changes less along a step that is the same share of the weights."),
        finding(relative, "relative_smoothness", "bn", "ln",
                "Along a relative step the gradient changes less with batch norm than with layer norm."),
        finding(relative, "relative_smoothness", "noisy-bn", "he",
                "Made noisy, batch norm still makes the gradient change less along a relative step.")};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return {curves(runs, "smoothness", "How much the gradient changes along a raw step, at equal loss",
                   "change of the gradient / length of the step"),
            curves(runs, "relative_smoothness",
                   "How much the gradient changes along a relative step, at equal loss",
                   "relative change of the gradient / relative step"),
            curves(runs, "loss_range", "Range of the loss along raw steps, at equal loss", "range / loss"),
            curves(runs, "relative_loss_range", "Range of the loss along relative steps, at equal loss",
                   "range / loss")};
  }

 private:
  static Figure curves(std::span<const RunResult> runs, const std::string& measure, const std::string& title,
                       const std::string& y) {
    Figure figure{.title = title,
                  .x = {.name = "training loss, that of guessing = 1", .logarithmic = true},
                  .y = {.name = y, .logarithmic = true}};
    for (const char* model : landscape_arms)
      figure.series.push_back({.arm = model,
                               .label = label_of(model),
                               .points = geometric_curve(runs, of_model(model), measure, "level")});
    return figure;
  }
};

}  // namespace

std::unique_ptr<Study> landscape_study() {
  return std::make_unique<LandscapeStudy>();
}

}  // namespace keel::tools
