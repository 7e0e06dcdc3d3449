// Does batch norm compute the same function in training and in inference, and what does the difference cost?

#include "keel/tools/studies/discrepancy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/models/freeze.hpp"
#include "keel/models/population_statistics.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/class_groups.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/running_average.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array<std::int64_t, 4> discrepancy_batches{4, 16, 64, 256};
constexpr std::array<std::int64_t, 2> quick_discrepancy_batches{4, 64};
constexpr std::int64_t early_batch = 64;     // at which the start of training is judged
constexpr std::int64_t grouped_batch = 256;  // of the runs with groups
constexpr std::int64_t discrepancy_group = 16;
constexpr std::int64_t discrepancy_images = 12000;
constexpr double rate_an_image = 0.01 / 64.0;  // of the rate that all share: 0.01 at batch 64
constexpr std::array rate_factors{0.3, 1.0, 3.0, 10.0};

constexpr const char* by_class = "by class";
constexpr const char* at_random = "at random";

void take_precise_statistics(Network& network, TrainingLoop& loop) {
  population_statistics(network, [&](const BatchConsumer& consume) {
    constexpr std::size_t size = 1000;
    BatchGatherer batch{loop.data().train, size};
    const std::span training{loop.split().training};
    for (std::size_t begin = 0; begin < training.size(); begin += size) {
      batch.gather(training.subspan(begin, std::min(size, training.size() - begin)));
      consume(batch.images());
    }
  });
}

// What decides over the groups of a batch: nothing, but where they are sorted by class.
EpochPass::Arrangement arrangement_for(const RunSettings& settings, const DataSet& data) {
  const auto* groups = settings.factors.find("groups");
  if (groups == nullptr || *groups == at_random) return {};
  return [&labels = data.train.labels](std::span<std::int32_t> batch) { sort_by_class(batch, labels); };
}

// The accuracy on the validation images with each kind of statistics, after which the network is as it was.
class DiscrepancyLooks {
 public:
  DiscrepancyLooks(Network& network, TrainingLoop& loop, const RunSettings& settings)
      : network_(network),
        loop_(loop),
        as_in_training_([&network](const Var& batch) { return network(batch); }, settings.batch_size,
                        Mode::training),
        validation_(loop.split().validation) {
    if (const auto arrange = arrangement_for(settings, loop.data()))
      for_each_batch(validation_, settings.batch_size, arrange);
  }

  void operator()() {
    record("moving", loop_.validate());
    const StatisticsGuard guard{parameters(network_)};
    correct_running_averages(network_);
    record("corrected", loop_.validate());
    take_precise_statistics(network_, loop_);
    record("population", loop_.validate());
    record("batch", as_in_training_(loop_.data().train, validation_));
  }

 private:
  void record(const std::string& kind, const Evaluation& evaluation) {
    loop_.measures()[kind + "_accuracy"].push_back(evaluation.accuracy);
    loop_.measures()[kind + "_loss"].push_back(evaluation.loss);
  }

  Network& network_;
  TrainingLoop& loop_;
  Evaluator as_in_training_;
  std::vector<std::int32_t> validation_;
};

NetworkOptions discrepancy_network(const RunSettings& settings, const DataSet& data) {
  auto base = settings;
  if (settings.model == "frozen") base.model = "bn";
  auto options = network_for(data, base);
  if (settings.model == "ghost") options.ghost_size = discrepancy_group;
  return options;
}

std::optional<RunResult> run_discrepancy(const RunSettings& settings, const RunContext& context) {
  Network network{discrepancy_network(settings, context.data)};
  TrainingLoop loop{network, settings, context};
  loop.arrange_batches(arrangement_for(settings, context.data));
  const auto frozen_after =
      settings.model == "frozen" ? loop.steps_per_epoch() * settings.epochs * 2 / 3 : std::int64_t{0};
  if (settings.tuning || frozen_after > 0) {
    loop.train([&](std::int64_t step, double) {
      if (step != frozen_after) return true;
      take_precise_statistics(network, loop);
      freeze_statistics(network);
      return true;
    });
    return loop.finish();
  }
  DiscrepancyLooks look{network, loop, settings};
  const auto early = std::min(discrepancy_early_steps, loop.steps_per_epoch() * settings.epochs);
  loop.train([&](std::int64_t step, double) {
    if (step == early) look();
    return true;
  });
  if (!loop.diverged()) look();
  return loop.finish();
}

class DiscrepancyStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "discrepancy"; }
  [[nodiscard]] std::string claim() const override {
    return "With batch normalization training and inference do not compute the same function, and images are "
           "classified otherwise in the one than in the other.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Two hidden layers of 128 with ReLU and batch norm on at most 12,000 training images, SGD with momentum "
           "0.9, three epochs (one with --quick). First at batches of 4 to 256: the same weights are evaluated with the statistics of "
           "batches as in training, with the moving average (momentum 0.1), with that average freed of the values "
           "it started from, and with the statistics of all training images (precise); and a network trains its last "
           "third with precise statistics that are frozen. Then at batch 256 with statistics over groups of 16, "
           "into which the images of a batch are dealt at random or in the order of their classes, so that the "
           "statistics tell of the class while the gradient is over all of the batch. Rates are chosen on other "
           "seeds; a rate in proportion to the batch stands beside them.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Wu and Johnson (2021) hold the same kinds of statistics against each other on ImageNet: precise ones are "
           "steadier than moving averages, frozen ones in the last epochs help at small batches, and a batch of "
           "related images (regions of one picture in a detector) leaks what they have in common. Singh and "
           "Shrivastava (2019) gain 6.2 points over the moving average at batch 2 there by statistics made for "
           "inference. Here a network is small and trains for three epochs. Batches sorted wholly by class would "
           "make gradients worse, too; groups within a batch leave these as they are, but are sorted more strictly "
           "than any data that a careful person would train on. A group of one class loses its class's mean to "
           "the norm, so that what leaks there is what distinguishes it from the group, not the class.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& cell : cells(scale)) {
      std::vector<double> rates;
      for (const double factor : rate_factors) rates.push_back(factor * common_rate(cell));
      if (scale.quick) rates = {rates[1], rates[2]};
      for (const auto& settings : tuning_settings(scale, cell, rates))
        jobs.push_back(job_for(scale, settings, run_discrepancy));
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& cell : cells(scale)) {
      const double tuned = tuned_rate(scale.tuning, [&](const RunResult& run) {
        return run.settings.model == cell.model && run.settings.batch_size == cell.batch_size &&
               run.settings.factors == cell.factors;
      });
      for (const auto& [rate, value] : {std::pair{"tuned", tuned}, {"common", common_rate(cell)}}) {
        if (scale.quick && std::string_view{rate} == "common") continue;
        for (const auto seed : seeds_of(scale)) {
          auto settings = cell;
          settings.seed = seed;
          settings.learning_rate = value;
          settings.factors.set("rate", rate);
          jobs.push_back(job_for(scale, settings, run_discrepancy));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto of = [&](const char* model, std::int64_t batch, const RunValue& value) {
      return by_seed(
          runs,
          of_model(model) && with_factor("rate", "tuned") &&
              [batch](const RunResult& run) { return run.settings.batch_size == batch; },
          value);
    };
    const auto groups = [&](const char* level, const char* kind) {
      return by_seed(runs, with_factor("groups", level) && with_factor("rate", "tuned"),
                     discrepancy_accuracy(kind));
    };
    const auto found = [](std::string name, std::string claim, double least, const BySeed& a,
                          const BySeed& b) {
      return tools::judge(
          {.name = std::move(name), .claim = std::move(claim), .unit = "points", .least = least},
          pairwise(a, b, [](double x, double y) { return x - y; }));
    };
    const auto batch = discrepancy_batches.front();
    const auto at = fmt::format("accuracy at batch {}", batch);
    const auto precise = of("bn", batch, discrepancy_accuracy("population"));
    const auto moving = of("bn", batch, discrepancy_accuracy("moving"));
    const auto early = [&](const char* kind) {
      return of("bn", early_batch, discrepancy_accuracy(kind, DiscrepancyLook::early));
    };
    return {
        found(
            at + ", precise statistics - as in training",
            "The same weights classify images better by the statistics of all images than as they were trained.",
            1.0, precise, of("bn", batch, discrepancy_accuracy("batch"))),
        found(at + ", precise statistics - moving average",
              "Precise statistics classify better than a moving average.", 0.3, precise, moving),
        found(at + ", frozen statistics - moving average",
              "A last third of training with the function of inference gains over a moving average.", 0.3,
              of("frozen", batch, percent_at_the_end), moving),
        found(fmt::format("accuracy after {} steps at batch {}, corrected - moving average",
                          discrepancy_early_steps, early_batch),
              fmt::format("After {} steps, a moving average gains by being freed of its start.",
                          discrepancy_early_steps),
              0.3, early("corrected"), early("moving")),
        found("accuracy with precise statistics, groups at random - by class",
              "Training on groups sorted by class costs accuracy, which no statistics bring back.", 1.0,
              groups(at_random, "population"), groups(by_class, "population")),
        found("accuracy of groups by class, as in training - precise statistics",
              "The statistics of groups sorted by class tell of the class.", 1.0, groups(by_class, "batch"),
              groups(by_class, "population"))};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return discrepancy_figures(runs);
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return discrepancy_tables(runs);
  }

 private:
  static double percent_at_the_end(const RunResult& run) { return 100.0 * final_accuracy(run); }
  static double common_rate(const RunSettings& cell) {
    return rate_an_image * static_cast<double>(cell.batch_size);
  }

  // What is trained, but for rates and seeds.
  [[nodiscard]] std::vector<RunSettings> cells(const StudyScale& scale) const {
    std::vector<RunSettings> cells;
    const auto add = [&](const char* model, std::int64_t batch_size, const Factors& factors) {
      auto settings = settings_for(*this, scale, model, 0);
      settings.factors = factors;
      settings.hidden = {128, 128};
      settings.batch_size = batch_size;
      settings.limit = scale.limit > 0 ? std::min(scale.limit, discrepancy_images) : discrepancy_images;
      settings.epochs = scale.quick ? 1 : 3;
      cells.push_back(std::move(settings));
    };
    const std::span<const std::int64_t> batches =
        scale.quick ? std::span<const std::int64_t>{quick_discrepancy_batches} : discrepancy_batches;
    for (const auto batch : batches)
      for (const char* model : {"bn", "frozen"}) add(model, batch, {});
    for (const char* groups : {at_random, by_class}) add("ghost", grouped_batch, {{"groups", groups}});
    return cells;
  }
};

}  // namespace

RunValue discrepancy_accuracy(const std::string& kind, DiscrepancyLook look) {
  return [kind, look](const RunResult& run) {
    const auto values = series(run, kind + "_accuracy");
    if (values.empty()) return std::nan("");
    return 100.0 * (look == DiscrepancyLook::early ? values.front() : values.back());
  };
}

std::unique_ptr<Study> discrepancy_study() {
  return std::make_unique<DiscrepancyStudy>();
}

}  // namespace keel::tools
