// Does batch norm stabilize the distribution of activations, and is that why it helps?

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/both_rates.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/health.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/activations_views.hpp"
#include "keel/tools/studies/activations_watch.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr int looks = 24;                // over the whole run
constexpr std::size_t judged_layer = 3;  // the last hidden one
constexpr double common_activations_rate = 0.1;

// Runs that choose a rate are not looked at.
std::optional<RunResult> run_activations(const RunSettings& settings, const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.activation = Activation::sigmoid;
  if (const auto* noise = settings.factors.find("noise")) options.noise = noise->number();
  Network network{options};
  TrainingLoop loop{network, settings, context};
  ActivationsWatch watch{network, loop, settings};
  Rng noise = loop.rng().stream("noise");
  const auto interval = std::max<std::int64_t>(2, loop.steps_per_epoch() * settings.epochs / looks);
  const auto is_looked_at = [&](std::int64_t step) { return !settings.tuning && step % interval == 1; };
  network.draw_noise(noise);
  if (is_looked_at(1)) watch.before_step();
  loop.train([&](std::int64_t step, double) {
    if (is_looked_at(step)) watch.after_step(step);
    network.draw_noise(noise);
    if (is_looked_at(step + 1)) watch.before_step();
    return true;
  });
  if (!settings.tuning) watch.summarize();
  return loop.finish();
}

class ActivationsStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "activations"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization stabilizes the distribution of activations (internal covariate shift).";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Three hidden layers of 100 units with sigmoid, batch 60, momentum 0.9; each arm at the learning rate that "
           "did best on seeds of its own, and all at 0.1. At 24 steps over the "
           "training: the 15th, 50th and 85th percentiles of what the last hidden layer's units get before "
           "their norm and before their activation, on up to 600 fixed images; and by how much the gradient of "
           "each layer's weights changes, and turns, when the layers below have made their step. Drift is the mean "
           "movement of a unit's median from one look to the next, over the distance of its outer "
           "percentiles. Further arms add noise behind batch norm that gives every unit another "
           "distribution at every step, as strong as in the literature and stronger; judged is four times as strong, where "
           "it has to drift at least as much as without batch norm, or nothing is tested. Gradients are judged by the "
           "last hidden layer's, the table has all.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "That batch norm helps because it reduces internal covariate shift is Ioffe and Szegedy's (2015) "
           "explanation, and it is disputed: Santurkar et al. (2018) found that gradients shift as much with "
           "it as without (in VGG and deep linear networks, where the cosine with batch norm was often the lower), and "
           "that networks with batch norm and noise behind it train as well although "
           "their activations are less stable; they credit a smoother loss instead. Drift, gradient shift "
           "and what training gains are therefore judged apart. How much a layer moves in a step depends on the "
           "learning rate: an arm that stands a higher one moves more, and the table has both.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    const std::vector<double> rates = scale.quick ? std::vector{0.1, 0.3} : std::vector{0.03, 0.1, 0.3, 1.0};
    std::vector<Job> jobs;
    for (const auto& arm : arms(scale, scale.first_seed))
      for (const auto& settings : tuning_settings(scale, arm, rates))
        jobs.push_back(job_for(scale, settings, run_activations));
    return with_noise_counted(std::move(jobs));
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      for (const auto& arm : arms(scale, seed)) {
        const auto* noise = arm.factors.find("noise");
        const auto same_arm = of_activations_arm(arm.model, noise == nullptr ? 0.0 : noise->number());
        add_at_both_rates(jobs, scale, arm, tuned_rate(scale.tuning, same_arm), run_activations);
      }
    }
    return with_noise_counted(std::move(jobs));
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto ratio = [](double a, double b) { return a / b; };
    const auto minus = [](double a, double b) { return a - b; };
    const auto of = [&](const char* model, const RunValue& value, double noise = 0.0) {
      return by_seed(runs, of_activations_arm(model, noise) && at_tuned_rates(), value);
    };
    const auto shift = mean_gradient_shift(judged_layer);
    const auto cosine = mean_gradient_cosine(judged_layer);
    std::vector<Finding> findings{
        tools::judge({.name = "drift of what activations get, plain / batch norm",
                      .claim = "With batch norm the distribution that activations get moves less.",
                      .unit = "times",
                      .scale = Endpoint::Scale::ratio,
                      .least = 1.2},
                     pairwise(of("plain", activations_drift), of("bn", activations_drift), ratio)),
        tools::judge({.name = "gradient shift by the layers below, last hidden layer, plain / batch norm",
                      .claim = "With batch norm a layer's gradient changes less when those below move.",
                      .unit = "times",
                      .scale = Endpoint::Scale::ratio,
                      .least = 1.2},
                     pairwise(of("plain", shift), of("bn", shift), ratio)),
        tools::judge(
            {.name = "cosine between gradients before and after, last hidden layer, batch norm - plain",
             .claim = "With batch norm a layer's gradient turns less when those below move.",
             .unit = "",
             .least = 0.05},
            pairwise(of("bn", cosine), of("plain", cosine), minus)),
        tools::judge(
            {.name = fmt::format("final accuracy, batch norm - batch norm with noise x {:g}", judged_noise),
             .claim = "Without stable distributions, batch norm trains worse.",
             .unit = "points",
             .least = 1.0},
            pairwise(of("bn", activations_accuracy), of("noisy-bn", activations_accuracy, judged_noise),
                     minus))};
    withhold(findings.back(),
             untested(of("plain", activations_drift), of("noisy-bn", activations_drift, judged_noise)));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return activations_figures(runs);
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return activations_tables(runs);
  }

 private:
  // One seed's arms, at the common rate.
  [[nodiscard]] std::vector<RunSettings> arms(const StudyScale& scale, std::uint64_t seed) const {
    const auto arm = [&](const char* model) {
      auto settings = settings_for(*this, scale, model, seed);
      settings.hidden = {100, 100, 100};
      settings.batch_size = 60;
      settings.learning_rate = common_activations_rate;
      settings.epochs = scale.quick ? 1 : 4;
      return settings;
    };
    std::vector<RunSettings> all{arm("plain"), arm("bn")};
    for (const double noise :
         scale.quick ? std::vector{1.0, judged_noise} : std::vector{1.0, 2.0, judged_noise}) {
      all.push_back(arm("noisy-bn"));
      all.back().factors = {{"noise", noise}};
    }
    return all;
  }

  // To draw it takes as long as a step.
  static std::vector<Job> with_noise_counted(std::vector<Job> jobs) {
    for (auto& job : jobs)
      if (job.settings.model == "noisy-bn") job.cost *= 2.0;
    return jobs;
  }

  // Why noisy batch norm tests nothing where it is no less stable than plain, if so.
  static std::string untested(const BySeed& plain, const BySeed& noisy) {
    const double of_plain = point_at(0.0, plain).y;
    const double of_noisy = point_at(0.0, noisy).y;
    if (!(of_noisy < of_plain)) return "";
    return fmt::format(
        "activations drift by {:.2f} with the noise and by {:.2f} without batch norm: they are no less stable, so that "
        "nothing is tested",
        of_noisy, of_plain);
  }
};

}  // namespace

std::unique_ptr<Study> activations_study() {
  return std::make_unique<ActivationsStudy>();
}

}  // namespace keel::tools
