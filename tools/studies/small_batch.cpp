// Does batch norm suffer from small batches, whose statistics are noisy?

#include <fmt/format.h>

#include <algorithm>

#include "keel/models/statistics_guard.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array small_batch_arms{"plain", "bn", "ln"};
constexpr std::int64_t largest = 64;  // what the others are held against
constexpr std::int64_t smallest = 2;
constexpr std::int64_t images = 12000;

std::optional<RunResult> run_small_batch(const RunSettings& settings, const RunContext& context) {
  Network network{network_for(context.data, settings)};
  TrainingLoop loop{network, settings, context};
  loop.train();
  if (settings.model == "bn" && !loop.diverged()) {
    const StatisticsGuard guard{parameters(network)};
    Evaluator with_batch_statistics{[&](const Var& batch) { return network(batch); }, settings.batch_size,
                                    Mode::training};
    const auto evaluation = with_batch_statistics(context.data.train, loop.split().validation);
    loop.measures()["batch_statistics_accuracy"] = {evaluation.accuracy};
    loop.measures()["batch_statistics_loss"] = {evaluation.loss};
  }
  return loop.finish();
}

class SmallBatchStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "small-batch"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization is sensitive to the batch size: small batches give noisy statistics.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "784-128-10 with ReLU on 12,000 training images, SGD with momentum 0.9 and a learning rate of "
           "0.01 "
           "times batch / 64: plain, batch norm and layer norm, at batches of 2, 4, 8, 16 and 64. An arm's "
           "loss is its final validation accuracy at batch 64 less that at batch 2. Batch norm is evaluated "
           "with its running averages, as it is used, and with the statistics of batches as small as those "
           "it was trained with.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Scaling the rate with the batch keeps the mean of the updates, not their noise (Goyal et al. "
           "2017), so part of any loss is the batch size's own and shows in the plain arm; the comparison "
           "with layer norm (Ba et al. 2016), which has no batch statistics, takes that out. At batch 2 "
           "batch "
           "norm leaves only the sign of the difference of two images. Group norm (Wu and He 2018) was "
           "proposed for this very case and is not in this comparison.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    const std::vector<std::int64_t> batches =
        scale.quick ? std::vector<std::int64_t>{2, 8, 64} : std::vector<std::int64_t>{2, 4, 8, 16, 64};
    for (const auto batch : batches) {
      for (const auto seed : seeds_of(scale)) {
        for (const char* model : small_batch_arms) {
          auto settings = settings_for(*this, scale, model, seed);
          settings.batch_size = batch;
          settings.learning_rate = 0.01 * static_cast<double>(batch) / 64.0;
          settings.limit = scale.limit > 0 ? std::min(scale.limit, images) : images;
          settings.epochs = scale.quick ? 1 : 3;
          jobs.push_back(job_for(scale, settings, run_small_batch));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto minus = [](double a, double b) { return a - b; };
    const auto batch_statistics = [](const RunResult& run) {
      return 100.0 * measure(run, "batch_statistics_accuracy");
    };
    return {
        tools::judge({.name = "loss from batch 64 to batch 2, batch norm - layer norm",
                      .claim = "Small batches cost batch norm more accuracy than layer norm.",
                      .unit = "points"},
                     pairwise(loss(runs, "bn"), loss(runs, "ln"), minus)),
        tools::judge({.name = "loss from batch 64 to batch 2, batch norm - plain",
                      .claim = "Small batches cost batch norm more accuracy than a plain network.",
                      .unit = "points"},
                     pairwise(loss(runs, "bn"), loss(runs, "plain"), minus)),
        tools::judge({.name = "accuracy at batch 2, running averages - batch statistics",
                      .claim = "The statistics of a small batch are too noisy to classify with.",
                      .unit = "points"},
                     pairwise(by_seed(runs, of_model("bn") && of_batch(smallest), accuracy),
                              by_seed(runs, of_model("bn") && of_batch(smallest), batch_statistics), minus))};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{.title = "Final validation accuracy by batch size",
                  .x = {.name = "batch size", .logarithmic = true},
                  .y = {.name = "validation accuracy (%)"}};
    for (const char* model : small_batch_arms)
      figure.series.push_back(
          {.arm = model, .label = label_of(model), .points = by_batch(runs, model, accuracy)});
    figure.series.push_back({.arm = "bn",
                             .label = "batch norm, batch statistics",
                             .points = by_batch(runs, "bn",
                                                [](const RunResult& run) {
                                                  return 100.0 * measure(run, "batch_statistics_accuracy");
                                                }),
                             .dashed = true});
    return {figure};
  }

 private:
  static double accuracy(const RunResult& run) { return 100.0 * final_accuracy(run); }

  static RunFilter of_batch(std::int64_t batch) {
    return [batch](const RunResult& run) { return run.settings.batch_size == batch; };
  }

  static BySeed loss(std::span<const RunResult> runs, const std::string& model) {
    const auto at_largest = by_seed(runs, of_model(model) && of_batch(largest), accuracy);
    BySeed result;
    for (const auto& [seed, value] : by_seed(runs, of_model(model) && of_batch(smallest), accuracy))
      if (at_largest.contains(seed)) result[seed] = at_largest.at(seed) - value;
    return result;
  }

  static std::vector<Point> by_batch(std::span<const RunResult> runs, const std::string& model,
                                     const RunValue& value) {
    std::map<std::int64_t, std::vector<double>> at;
    for (const auto& run : runs_of(runs, of_model(model))) at[run.settings.batch_size].push_back(value(run));
    std::vector<Point> points;
    for (const auto& [batch, values] : at) points.push_back(point_at(static_cast<double>(batch), values));
    return points;
  }
};

}  // namespace

std::unique_ptr<Study> small_batch_study() {
  return std::make_unique<SmallBatchStudy>();
}

}  // namespace keel::tools
