// Does batch norm suffer from small batches, and which of its parts does?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/models/population_statistics.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/health.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/small_batch_figures.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array small_batch_arms{"plain", "bn", "ln", "gn"};
constexpr std::int64_t small_batch_images = 12000;
constexpr std::int64_t quick_small_batch_images = 2000;
constexpr std::size_t most_by_batch_statistics = 2000;  // validation images
constexpr double least_loss = 0.5;                      // points
constexpr std::array rate_multiples{1.0 / 3.0, 1.0, 3.0, 10.0, 30.0};
constexpr std::array quick_rate_multiples{1.0, 3.0, 10.0};

// An arm at a size: of the batch, or of the groups within the largest batch.
struct SizedArm {
  std::string model;
  std::int64_t size;
};

std::vector<SizedArm> sized_arms(bool quick) {
  const auto sizes = quick ? std::vector<std::int64_t>{smallest_batch_size, largest_batch_size}
                           : std::vector<std::int64_t>{smallest_batch_size, 4, 16, largest_batch_size};
  std::vector<SizedArm> arms;
  for (const auto size : sizes) {
    for (const char* model : small_batch_arms) arms.push_back({model, size});
    if (size < largest_batch_size) arms.push_back({"ghost", size});
  }
  return arms;
}

// At the rate that is common to all arms: in proportion to the batch.
RunSettings small_batch_settings(const Study& study, const StudyScale& scale, const SizedArm& arm,
                                 std::uint64_t seed) {
  auto settings = settings_for(study, scale, arm.model, seed);
  settings.batch_size = arm.model == "ghost" ? largest_batch_size : arm.size;
  settings.factors = {{"size", arm.size}};
  settings.learning_rate =
      0.01 * static_cast<double>(settings.batch_size) / static_cast<double>(largest_batch_size);
  const auto images = scale.quick ? quick_small_batch_images : small_batch_images;
  settings.limit = scale.limit > 0 ? std::min(scale.limit, images) : images;
  settings.epochs = scale.quick ? 1 : 3;
  return settings;
}

// Accuracy with statistics other than the moving averages.
void look_with_other_statistics(Network& network, TrainingLoop& loop, std::int64_t batch_size) {
  const StatisticsGuard guard{parameters(network)};
  const std::span validation{loop.split().validation};
  Evaluator with_batch_statistics{[&](const Var& batch) { return network(batch); }, batch_size,
                                  Mode::training};
  loop.measures()["batch_statistics_accuracy"] = {
      with_batch_statistics(loop.data().train,
                            validation.first(std::min(validation.size(), most_by_batch_statistics)))
          .accuracy};
  population_statistics(network, [&](const BatchConsumer& consume) {
    hand_out(loop.data().train, loop.split().training, consume);
  });
  loop.measures()["population_accuracy"] = {loop.validate().accuracy};
}

NetworkOptions small_batch_network(const RunSettings& settings, const DataSet& data) {
  auto options = network_for(data, settings);
  if (settings.model == "ghost") options.ghost_size = settings.factors.at("size").whole();
  return options;
}

std::optional<RunResult> run_small_batch(const RunSettings& settings, const RunContext& context) {
  Network network{small_batch_network(settings, context.data)};
  TrainingLoop loop{network, settings, context};
  loop.train();
  const bool has_statistics = settings.model == "bn" || settings.model == "ghost";
  if (has_statistics && !settings.tuning && !loop.diverged())
    look_with_other_statistics(network, loop, settings.batch_size);
  return loop.finish();
}

// Two images may be all but alike to a feature, which is then divided by the root of epsilon: f64 tells what rounding does
// there.
std::optional<RunResult> run_small_batch_and_repeat(const RunSettings& settings, const RunContext& context) {
  auto run = run_small_batch(settings, context);
  if (!run || !met_less_than_epsilon(*run)) return run;
  auto in_f64 = settings;
  in_f64.precision = DType::f64;
  Network network{small_batch_network(in_f64, context.data)};
  TrainingLoop loop{network, in_f64, {.data = context.data, .stop = context.stop}};
  loop.train();
  if (context.stop.stop_requested()) return std::nullopt;
  run->measures[f64_accuracy_measure] = {loop.diverged() ? std::nan("") : 100.0 * loop.look().accuracy};
  return run;
}

Job small_batch_job(const StudyScale& scale, const RunSettings& settings) {
  auto job = job_for(scale, settings, run_small_batch);
  job.cost *= 3.0;  // the looks, and steps so small that their products do not count
  return job;
}

class SmallBatchStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "small-batch"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization is sensitive to the batch size: small batches give noisy statistics.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "One hidden layer of 128 with ReLU on at most 12,000 training images for three epochs (quick: one, of at "
           "most 2,000), SGD with momentum 0.9: plain, batch norm, layer norm and group norm at batches of 2, 4, 16 "
           "and 64 (quick: 2 and 64), and batch norm over ghost batches of these sizes within a batch of 64, which "
           "has the noisy statistics without the small gradient batch. Each arm at each size is trained at the "
           "common rate, 0.01 times batch / 64, and at the best of 1/3, 1, 3, 10 and 30 times that (quick: "
           "1, 3 and 10), chosen by validation accuracy on tuning seeds. An arm's loss is its final validation "
           "accuracy at batch 64 less that at batch 2. Batch norm is evaluated with its moving averages, as it is "
           "used; with the statistics of all training images; and with those of batches as small as it was trained "
           "with, on up to 2,000 images. Where a batch norm meets less variance than its epsilon, as of two images that are "
           "alike to a feature, the runs of two seeds are repeated in double precision: what that does not confirm, by "
           "more than two standard deviations of the seeds, is not judged.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "A small batch changes several things at once: the noise of the gradient, which scaling the rate does not "
           "keep (Goyal et al. 2017) and which shows in the plain arm; the noise of the statistics in training, which "
           "ghost batches have alone (Hoffer et al. 2017); and statistics in evaluation that training never saw (Singh "
           "and Shrivastava 2019 got 6 points of ImageNet back there at batch 2). At batch 2 batch norm leaves only "
           "the sign of the difference of two images. Known for a ResNet-50: at batch 2 the error with batch norm is "
           "10.6 points above group norm's, whose error does not depend on the batch (Wu and He 2018). A grid "
           "of rates, each three times the last, finds the best to within that.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& arm : sized_arms(scale.quick)) {
      const auto common = small_batch_settings(*this, scale, arm, 0);
      std::vector<double> rates{quick_rate_multiples.begin(), quick_rate_multiples.end()};
      if (!scale.quick) rates = {rate_multiples.begin(), rate_multiples.end()};
      for (double& rate : rates) rate *= common.learning_rate;
      for (const auto& settings : tuning_settings(scale, common, rates))
        jobs.push_back(small_batch_job(scale, settings));
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& arm : sized_arms(scale.quick)) {
      int repeated = 0;
      for (const auto seed : seeds_of(scale)) {
        for (const char* rate : {"common", "tuned"}) {
          auto settings = small_batch_settings(*this, scale, arm, seed);
          settings.factors.set("rate", rate);
          if (std::string_view{rate} == "tuned")
            settings.learning_rate =
                tuned_rate(scale.tuning, of_model(arm.model) && with_factor("size", arm.size));
          auto job = small_batch_job(scale, settings);
          if (std::string_view{rate} == "tuned" && repeated++ < seeds_in_f64)
            job.run = run_small_batch_and_repeat;
          jobs.push_back(std::move(job));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto judge_gap = [](const std::string& name, const std::string& claim, const BySeed& a,
                              const BySeed& b) {
      return tools::judge({.name = name, .claim = claim, .unit = "points", .least = least_loss},
                          pairwise(a, b, [](double x, double y) { return x - y; }));
    };
    const auto loss = [&](const char* model, const char* rate) {
      return small_batch_loss(runs, model, rate);
    };
    const auto at = [&](const char* model, std::int64_t size, const RunValue& value) {
      return by_seed(runs, at_size(model, size, "tuned"), value);
    };
    std::vector<Finding> findings{
        judge_gap("loss from batch 64 to batch 2, batch norm - layer norm, tuned rates",
                  "Small batches cost batch norm more accuracy than layer norm.", loss("bn", "tuned"),
                  loss("ln", "tuned")),
        judge_gap("loss from batch 64 to batch 2, batch norm - layer norm, common rate",
                  "At a common rate, too, small batches cost batch norm more accuracy than layer norm.",
                  loss("bn", "common"), loss("ln", "common")),
        judge_gap("loss from batch 64 to batch 2, batch norm - group norm, tuned rates",
                  "Small batches cost batch norm more accuracy than group norm.", loss("bn", "tuned"),
                  loss("gn", "tuned")),
        judge_gap(
            "accuracy at batch 64, batch norm - the same over ghost batches of 2, population statistics",
            "Noisy statistics in training cost accuracy without a small gradient batch.",
            at("bn", largest_batch_size, population_points),
            at("ghost", smallest_batch_size, population_points)),
        judge_gap("accuracy at batch 2, population statistics - moving averages",
                  "At batch 2 moving averages cost accuracy that population statistics bring back.",
                  at("bn", smallest_batch_size, population_points),
                  at("bn", smallest_batch_size, accuracy_points)),
        judge_gap("accuracy at batch 2, moving averages - batch statistics",
                  "The statistics of a small batch are too noisy to classify with.",
                  at("bn", smallest_batch_size, accuracy_points),
                  at("bn", smallest_batch_size, batch_statistics_points))};
    const auto doubt = small_batch_doubt(runs);
    for (auto& finding : findings) withhold(finding, doubt);
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return small_batch_figures(runs);
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return small_batch_tables(runs);
  }
};

}  // namespace

std::unique_ptr<Study> small_batch_study() {
  return std::make_unique<SmallBatchStudy>();
}

}  // namespace keel::tools
