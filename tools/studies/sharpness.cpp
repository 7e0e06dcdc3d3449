// What does batch norm do to the curvature of the loss, and does training still go to the edge of stability?

#include "keel/tools/training/sharpness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "keel/models/initialize.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/curves.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/sharpness_figures.hpp"
#include "keel/tools/training/loss_surface.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::size_t eigenvalues_looked_for = 10;
constexpr double final_loss = 0.1;  // over that of guessing, at which spectra are compared
constexpr std::int64_t steps_between_checks = 10;
constexpr double stability_edge = 2.0;   // rate times curvature beyond which gradient descent overshoots
constexpr double steps_of_start = 20.0;  // of a descent, which are not judged
constexpr double descended_loss = 0.02;  // over that of guessing; below, the curvature falls with the loss

// Of the images that a run trains on, the first, at most so many, as one batch.
BatchGatherer one_batch(const DataSet& data, std::span<const std::int32_t> training, std::int64_t most) {
  const auto size = std::min(static_cast<std::size_t>(most), training.size());
  BatchGatherer batch{data.train, static_cast<std::int64_t>(size)};
  batch.gather(training.first(size));
  return batch;
}

void record_spectrum(Measures& measures, const std::string& prefix, const Spectrum& spectrum) {
  auto& magnitudes = measures[prefix + "eigenvalues"];
  for (const double value : spectrum.eigenvalues) magnitudes.push_back(value);
  measures[prefix + "gradient_share"] = {spectrum.gradient_share};
}

// Trains to the loss at which the arms are compared, and takes the spectrum there.
std::optional<RunResult> run_spectrum(const RunSettings& settings, const RunContext& context) {
  Network network{network_for(context.data, settings)};
  TrainingLoop loop{network, settings, context};
  const auto batch = one_batch(context.data, loop.split().training, settings.factors.at("images").whole());
  LossSurface surface{network};
  const double target = final_loss * std::log(context.data.classes);
  bool reached = false;
  loop.train([&](std::int64_t step, double) {
    if (step % steps_between_checks == 0)
      reached = surface.look(batch.images(), batch.labels()).loss <= target;
    return !reached;
  });
  auto& measures = loop.measures();
  measures["steps"] = {static_cast<double>(loop.steps())};
  measures["reached"] = {reached ? 1.0 : 0.0};
  if (!loop.diverged()) {
    const LanczosOptions lanczos{.iterations = 50, .tolerance = 1e-3, .seed = settings.seed};
    const auto look = [&] {
      return spectrum(network, batch.images(), batch.labels(), eigenvalues_looked_for, lanczos);
    };
    record_spectrum(measures, "", look());
    if (settings.model == "bn") {
      freeze_population_statistics(network, batch.images());
      record_spectrum(measures, "population_", look());
    }
  }
  return loop.finish();
}

// Gradient descent on one batch of all its images.
std::optional<RunResult> run_descent(const RunSettings& settings, int steps, const RunContext& context) {
  Network network{network_for(context.data, settings)};
  const Rng rng{settings.seed};
  initialize(network, rng.stream("weights"));
  const auto split = tools::split(context.data.train.size(), settings.limit, rng);
  const auto batch = one_batch(context.data, split.training, settings.factors.at("images").whole());
  const DescentOptions options{.learning_rate = settings.learning_rate, .steps = steps, .between_looks = 10};
  const auto seen = descend(network, batch.images(), batch.labels(), options,
                            {.iterations = 15, .tolerance = 1e-2, .seed = settings.seed});
  RunResult result;
  result.settings = settings;
  for (const auto& [step, loss, sharpness] : seen) {
    result.measures["steps"].push_back(step);
    result.measures["loss_over_guessing"].push_back(loss / std::log(context.data.classes));
    result.measures["rate_times_sharpness"].push_back(settings.learning_rate * sharpness);
  }
  return context.stop.stop_requested() ? std::nullopt : std::optional{std::move(result)};
}

RunFilter spectra_of(const char* model) {
  return with_factor("part", "spectrum") && of_model(model);
}

// Unknown where the run did not come down to the loss at which arms are compared.
double sharpness_at_loss(const RunResult& run, const std::string& prefix) {
  return measure(run, "reached") == 1.0 ? std::abs(measure(run, prefix + "eigenvalues")) : std::nan("");
}

double share_at_loss(const RunResult& run) {
  return measure(run, "reached") == 1.0 ? 100.0 * measure(run, "gradient_share") : std::nan("");
}

// Empty where all runs came down to that loss.
std::string unreached_note(std::span<const RunResult> runs) {
  const auto count = std::ranges::count_if(runs, [](const RunResult& run) {
    return run.measures.contains("reached") && measure(run, "reached") != 1.0;
  });
  return count == 0 ? ""
                    : fmt::format("{} run{} did not come down to the loss at which arms are compared", count,
                                  count == 1 ? "" : "s");
}

// By how much rate times curvature is above the edge while there is a loss to descend; NaN where there was
// none.
double beyond_edge(const RunResult& run) {
  const auto steps = series(run, "steps");
  const auto losses = series(run, "loss_over_guessing");
  const auto values = series(run, "rate_times_sharpness");
  std::vector<double> judged;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (steps[i] >= steps_of_start && losses[i] >= descended_loss) judged.push_back(values[i]);
  return mean_of(judged) - stability_edge;
}

class SharpnessStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "sharpness"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization lowers the sharpness of the loss, its largest curvature.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Two hidden layers of 64 with ReLU: plain from He's start, layer norm, batch norm. Spectrum: SGD "
           "with rate 0.02, momentum 0.9 and batch 64 until the loss on up to 2,000 fixed training images "
           "is a tenth of that of guessing; there the ten largest eigenvalues of the Hessian of the loss on "
           "these images, by Lanczos' iteration, and the share of the squared gradient that lies in the "
           "space of their vectors. With batch norm once with the batch's statistics, which depend on the "
           "weights, and once with the same statistics as constants, as in inference. Edge of stability: "
           "gradient descent with all of up to 1,000 images as its one batch, plain at rate 0.1 and with "
           "batch norm at 0.1 and 0.4 (judged at 0.4); the learning rate times the largest eigenvalue, "
           "which is 2 where a step begins to overshoot: its mean from step 20 on while the loss is at "
           "least 2 % of that of guessing.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Ghorbani, Krishnan and Xiao (2019) found that networks without batch norm have a few "
           "eigenvalues far from the others and most of the gradient in their space, and that batch norm "
           "takes both away, but only with the batch's statistics. Cohen et al. (2021) found that full "
           "batch training raises the sharpness until rate times sharpness is just above 2 and keeps it "
           "there, with batch norm too, at rates that suit it, and that with the cross-entropy it falls "
           "again when the data are fitted. The Hessian of weights before a norm shrinks with the square of "
           "their length, so that a lower sharpness need not mean an easier loss; and with the "
           "cross-entropy it falls with the loss, which is why arms are compared at the same loss.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      for (const char* model : sharpness_arms) jobs.push_back(spectrum_job(scale, model, seed));
      for (const auto& [model, rate] : descents) jobs.push_back(descent_job(scale, model, rate, seed));
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto sharpness = [&](const char* model, const std::string& prefix) {
      return by_seed(runs, spectra_of(model),
                     [prefix](const RunResult& run) { return sharpness_at_loss(run, prefix); });
    };
    const auto ratio = [](double a, double b) { return a / b; };
    const auto note = unreached_note(runs);
    std::vector<Finding> findings{
        tools::judge({.name = "largest eigenvalue at equal loss, plain from He's start / batch norm",
                      .claim = "At the same loss the largest curvature is less with batch norm.",
                      .unit = "times",
                      .scale = Endpoint::Scale::ratio,
                      .least = 1.5},
                     pairwise(sharpness("he", ""), sharpness("bn", ""), ratio), note),
        tools::judge({.name = "largest eigenvalue with batch norm, constant / batch statistics",
                      .claim = "It is less only as the batch's statistics move with the weights.",
                      .unit = "times",
                      .scale = Endpoint::Scale::ratio,
                      .least = 1.5},
                     pairwise(sharpness("bn", "population_"), sharpness("bn", ""), ratio), note),
        tools::judge({.name = "gradient in the space of the ten largest, plain from He's start - batch norm",
                      .claim = "With batch norm less of the gradient lies along the largest curvatures.",
                      .unit = "points",
                      .least = 5.0},
                     pairwise(by_seed(runs, spectra_of("he"), share_at_loss),
                              by_seed(runs, spectra_of("bn"), share_at_loss),
                              [](double a, double b) { return a - b; }),
                     note)};
    for (const auto& [model, rate] : descents) {
      if (std::string_view{model} == "bn" && rate < bn_descent_rate) continue;
      std::vector<double> beyond;
      for (const auto& [seed, value] : by_seed(runs, in_descent(model, rate), beyond_edge))
        beyond.push_back(value);
      const auto fitted = std::ranges::count_if(beyond, [](double value) { return std::isnan(value); });
      findings.push_back(tools::judge(
          {.name = fmt::format("rate x largest eigenvalue less 2 in full batch training, {}, rate {}",
                               label_of(model), rate),
           .claim =
               fmt::format("Full batch training goes on at the edge of stability or beyond: {}, rate {}.",
                           label_of(model), rate)},
          beyond,
          fitted == 0 ? ""
                      : fmt::format("{} of {} runs had fitted their images before step {:g}, and say nothing",
                                    fitted, beyond.size(), steps_of_start)));
    }
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return sharpness_figures(runs);
  }

 private:
  static std::int64_t images_of(const StudyScale& scale, std::int64_t most) {
    return std::min(most, split_sizes(scale.data.train.size(), scale.limit).training);
  }

  [[nodiscard]] Job spectrum_job(const StudyScale& scale, const char* model, std::uint64_t seed) const {
    auto settings = settings_for(*this, scale, model, seed);
    settings.factors = {{"part", "spectrum"}, {"images", images_of(scale, scale.quick ? 300 : 2000)}};
    settings.hidden = {64, 64};
    settings.learning_rate = 0.02;
    const std::int64_t longest = scale.quick ? 1500 : 4000;
    const auto an_epoch = steps_per_epoch(scale, settings);
    settings.epochs = static_cast<int>((longest + an_epoch - 1) / an_epoch);
    auto job = job_for(scale, settings, run_spectrum);
    job.cost = (scale.quick ? 0.25 : 0.5) * (settings.model == "bn" ? 1.6 : 1.0);
    return job;
  }

  [[nodiscard]] Job descent_job(const StudyScale& scale, const char* model, double rate,
                                std::uint64_t seed) const {
    auto settings = settings_for(*this, scale, model, seed);
    const int steps = scale.quick ? 150 : 300;
    settings.factors = {
        {"part", "descent"}, {"images", images_of(scale, scale.quick ? 300 : 1000)}, {"steps", steps}};
    settings.hidden = {64, 64};
    settings.learning_rate = rate;
    settings.momentum = 0.0;
    settings.batch_size = settings.factors.at("images").whole();
    settings.epochs = 0;
    return {.settings = settings,
            .cost = scale.quick ? 0.35 : 1.0,
            .run = [steps](const RunSettings& s, const RunContext& c) { return run_descent(s, steps, c); }};
  }
};

}  // namespace

std::unique_ptr<Study> sharpness_study() {
  return std::make_unique<SharpnessStudy>();
}

}  // namespace keel::tools
