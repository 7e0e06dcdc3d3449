// Does batch norm regularize by the noise of its statistics?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/both_rates.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/equal_fit.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/ghost_noise.hpp"
#include "keel/tools/training/group_noise.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/probe.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::int64_t ghost_batch = 256;
constexpr std::array<std::int64_t, 5> ghost_sizes{64, 16, 8, 4, 2};
constexpr std::array<std::int64_t, 1> quick_ghost_sizes{8};
constexpr std::int64_t judged_size = 8;  // in the midst, so that noise is neither nothing nor all
constexpr std::int64_t ghost_images = 4000;
constexpr int ghost_looks = 15;
constexpr double equal_fit =
    0.1;  // the training loss, in nats, at which test losses are compared: the lowest
          // that both came to, if that is higher
constexpr double ghost_common_rate = 0.12;  // at which effects are judged: the rate alone moves them as much
constexpr std::array ghost_rates{0.04, 0.12, 0.4, 1.2};

struct GhostFamily {
  const char* quiet;  // without the noise of ghost batches
  const char* noisy;
  const char* label;
};
constexpr std::array ghost_families{GhostFamily{"bn", "ghost", "ghost batches"},
                                    GhostFamily{"ln", "noisy-ln", "layer norm with noise of their size"}};

NetworkOptions ghost_network(const RunSettings& settings, const DataSet& data) {
  auto options = network_for(data, settings);
  if (const auto* size = settings.factors.find("ghost_size")) options.ghost_size = size->whole();
  return options;
}

// What the statistics of ghost batches add to the hidden layer as it is after training, of the first images;
// of layer norm what is put on it; otherwise 0.
double ghost_noise_in(Network& network, const TrainingLoop& loop, const RunSettings& settings) {
  const auto* size = settings.factors.find("ghost_size");
  if (size == nullptr) return 0.0;
  if (settings.model == "noisy-ln") return ghost_noise_power(size->whole());
  const auto count = std::min<std::int64_t>(ghost_batch, std::ssize(loop.split().training));
  BatchGatherer batch{loop.data().train, count};
  batch.gather(std::span{loop.split().training}.first(static_cast<std::size_t>(count)));
  Probe probe{network};
  const auto hidden = probe.last_hidden(batch.images());
  return group_noise(hidden.before_norm, hidden.units, static_cast<std::size_t>(size->whole()));
}

std::optional<RunResult> run_ghost(const RunSettings& settings, const RunContext& context) {
  Network network{ghost_network(settings, context.data)};
  TrainingLoop loop{network, settings, context};
  Rng noise = loop.rng().stream("ghost noise");
  network.draw_noise(noise);
  const auto interval = loop.steps_per_epoch() * std::max(1, settings.epochs / ghost_looks);
  loop.train([&](std::int64_t step, double) {
    network.draw_noise(noise);
    if (settings.tuning || step % interval != 0) return true;
    loop.measures()["train_loss"].push_back(loop.evaluate_training().loss);
    loop.measures()["test_loss"].push_back(loop.test().loss);
    return true;
  });
  if (!settings.tuning && !loop.diverged())
    loop.measures()["noise"] = {ghost_noise_in(network, loop, settings)};
  return loop.finish();
}

RunFilter ghost_cell(const std::string& model, std::int64_t size, const std::string& rate) {
  return of_model(model) && with_factor("rate", rate) && [size](const RunResult& run) {
    const auto* own = run.settings.factors.find("ghost_size");
    return own == nullptr || *own == size;
  };
}

// By seed, the test loss of a family without noise over that with it, at the same training loss.
BySeed gain_at_equal_fit(std::span<const RunResult> runs, const GhostFamily& family, std::int64_t size,
                         const std::string& rate) {
  BySeed gains;
  for (const auto& quiet : runs_of(runs, ghost_cell(family.quiet, size, rate))) {
    for (const auto& noisy : runs_of(runs, ghost_cell(family.noisy, size, rate))) {
      if (noisy.settings.seed != quiet.settings.seed) continue;
      const double level = std::max({lowest_training_loss(quiet), lowest_training_loss(noisy), equal_fit});
      gains[quiet.settings.seed] =
          std::isnan(lowest_training_loss(quiet)) || std::isnan(lowest_training_loss(noisy))
              ? std::nan("")
              : test_loss_at(quiet, level) / test_loss_at(noisy, level);
    }
  }
  return gains;
}

double ghost_test_accuracy(const RunResult& run) {
  return run.test ? 100.0 * run.test->accuracy : std::nan("");
}

std::vector<double> gains_in(const BySeed& by_seed) {
  std::vector<double> values;
  for (const auto& [seed, value] : by_seed) values.push_back(value);
  return values;
}

class GhostStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "ghost"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization regularizes by the noise of its statistics: the fewer images they are of, the lower "
           "the test loss at the same fit.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "One hidden layer of 128 with ReLU on at most 4,000 training images, batch 256, SGD with momentum 0.9. "
           "Batch norm with the statistics of the whole batch and of ghost batches of 64 down to 2 within it, so "
           "that only the noise of the statistics changes and no gradient's batch; beside it layer norm, and layer "
           "norm with random scales and shifts on each unit of as many images, of the same power as that noise. "
           "Compared is the test loss at the moment when the training loss, noise switched off, falls to 0.1 (or to "
           "the lowest that both came to). The noise is what a group's statistics change, in units of the variance. All "
           "arms train at learning rate 0.12, since a higher rate by itself lowers the test loss at equal fit; whole "
           "batches, groups of 8 and layer norm stand beside it at the rate that served each best on other seeds.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Summers and Dinneen (2020) find ghost batches a strong regularizer at small and medium batch sizes, on "
           "six image sets, CIFAR-100 and ImageNet among them; Hoffer, Hubara and Soudry (2017) brought them in "
           "against the loss of accuracy at large batches. Noise of the same power is not the same noise: that of "
           "statistics depends on the other images of the group, and is bounded where there are two. Running "
           "averages are of all groups, so that very small ones also see another function in inference than in "
           "training (see discrepancy), which counts against them here.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    std::vector<double> rates{ghost_rates.begin(), ghost_rates.end()};
    if (scale.quick) rates = {rates[1], rates[2]};
    for (const auto& cell : cells(scale)) {
      if (!is_judged(cell)) continue;
      for (const auto& settings : tuning_settings(scale, cell, rates))
        jobs.push_back(job_for(scale, settings, run_ghost));
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& cell : cells(scale)) {
      const double tuned =
          !is_judged(cell) ? cell.learning_rate : tuned_rate(scale.tuning, [&](const RunResult& run) {
            return run.settings.model == cell.model && run.settings.factors == cell.factors;
          });
      for (const auto seed : seeds_of(scale)) {
        auto settings = cell;
        settings.seed = seed;
        if (is_judged(cell))
          add_at_both_rates(jobs, scale, settings, tuned, run_ghost);
        else
          add_at_common_rate(jobs, scale, settings, run_ghost);
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto ghost = gain_at_equal_fit(runs, ghost_families[0], judged_size, "common");
    const auto noise = gain_at_equal_fit(runs, ghost_families[1], judged_size, "common");
    const auto accuracy = [&](const char* model) {
      return by_seed(runs, ghost_cell(model, judged_size, "tuned"), ghost_test_accuracy);
    };
    const auto ratio = [&](std::string name, std::string claim, const std::vector<double>& values) {
      return tools::judge({.name = std::move(name),
                           .claim = std::move(claim),
                           .unit = "times",
                           .scale = Endpoint::Scale::ratio,
                           .least = 1.05},
                          values);
    };
    return {
        ratio(fmt::format("test loss at equal fit, whole batch / ghost batches of {}", judged_size),
              "At the same fit, statistics of fewer images have the lower test loss.", gains_in(ghost)),
        ratio(fmt::format("test loss at equal fit, layer norm / with the noise of {}", judged_size),
              "Noise of the same power does the same for layer norm, which has no batch statistics.",
              gains_in(noise)),
        ratio("gain of ghost batches / gain of noise on layer norm",
              "Ghost batches do more than their noise does elsewhere.",
              pairwise(ghost, noise, [](double a, double b) { return a / b; })),
        ratio(fmt::format("test loss at equal fit, whole batch / ghost batches of {}, each at its own rate",
                          judged_size),
              "The same holds where each trains at a rate of its own, which moves the test loss too.",
              gains_in(gain_at_equal_fit(runs, ghost_families[0], judged_size, "tuned"))),
        tools::judge(
            {.name = fmt::format("test accuracy, ghost batches of {} - whole batch, each at its own rate",
                                 judged_size),
             .claim = "Statistics of fewer images end more accurate.",
             .unit = "points",
             .least = 0.3},
            pairwise(accuracy("ghost"), accuracy("bn"), [](double a, double b) { return a - b; }))};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure gain{
        .title = "What noise gains: test loss without it over that with it, at equal fit and one rate",
        .x = {.name = "noise (variance of what is normalized)", .logarithmic = true},
        .y = {.name = "test loss, without noise / with it"},
        .levels = {{1.0, "no gain"}}};
    Figure accuracy{.title = "Test accuracy at the end by noise, at one rate",
                    .x = {.name = "noise (variance of what is normalized)", .logarithmic = true},
                    .y = {.name = "test accuracy (%)"}};
    for (const auto& family : ghost_families) {
      Series gains{.arm = family.quiet, .label = family.label};
      Series accuracies = gains;
      for (const auto& size : levels_of(runs, "ghost_size")) {
        const auto cell = of_model(family.noisy) && with_factor("ghost_size", size) && at_common_rate();
        const double noise =
            point_at(0.0, by_seed(runs, cell, [](const auto& run) { return measure(run, "noise"); })).y;
        if (!(noise > 0.0)) continue;
        gains.points.push_back(point_at(noise, gain_at_equal_fit(runs, family, size.whole(), "common")));
        accuracies.points.push_back(point_at(noise, by_seed(runs, cell, ghost_test_accuracy)));
      }
      const double quiet =
          point_at(0.0, by_seed(runs, of_model(family.quiet) && at_common_rate(), ghost_test_accuracy)).y;
      if (std::isfinite(quiet))
        accuracy.levels.push_back({quiet, label_of(family.quiet) + ", no such noise"});
      if (!gains.points.empty()) gain.series.push_back(std::move(gains));
      if (!accuracies.points.empty()) accuracy.series.push_back(std::move(accuracies));
    }
    return {gain, accuracy};
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    Table table{.title = "Ghost batches and noise of their power, means over the seeds",
                .header = {"", "noise", "rate", "gain at equal fit", "test accuracy"}};
    for (const auto& rate : levels_of(runs, "rate")) {
      for (const auto& family : ghost_families) {
        for (const auto& size : levels_of(runs, "ghost_size")) {
          const auto cell =
              of_model(family.noisy) && with_factor("ghost_size", size) && with_factor("rate", rate);
          const auto found = runs_of(runs, cell);
          if (found.empty()) continue;
          table.rows.push_back(
              {fmt::format("{}, groups of {} ({})", family.label, size.whole(), rate.word()),
               fmt::format(
                   "{:.3f}",
                   point_at(0.0, by_seed(runs, cell, [](const auto& run) { return measure(run, "noise"); }))
                       .y),
               fmt::format("{:g}", found.front().settings.learning_rate),
               fmt::format("{:.3f}",
                           point_at(0.0, gain_at_equal_fit(runs, family, size.whole(), rate.word())).y),
               fmt::format("{:.2f} %", point_at(0.0, by_seed(runs, cell, ghost_test_accuracy)).y)});
        }
      }
    }
    return {table};
  }

 private:
  // Those that are judged are trained at a rate of their own as well.
  static bool is_judged(const RunSettings& cell) {
    const auto* size = cell.factors.find("ghost_size");
    return size == nullptr || *size == judged_size;
  }

  // What is trained, but for rates and seeds.
  [[nodiscard]] std::vector<RunSettings> cells(const StudyScale& scale) const {
    std::vector<RunSettings> cells;
    const std::span<const std::int64_t> sizes =
        scale.quick ? std::span<const std::int64_t>{quick_ghost_sizes} : ghost_sizes;
    for (const auto& family : ghost_families) {
      const auto add = [&](const char* model, const Factors& factors) {
        auto settings = settings_for(*this, scale, model, 0);
        settings.factors = factors;
        settings.batch_size = ghost_batch;
        settings.learning_rate = ghost_common_rate;
        settings.limit = scale.limit > 0 ? std::min(scale.limit, ghost_images) : ghost_images;
        settings.epochs = scale.quick ? 15 : 30;
        cells.push_back(std::move(settings));
      };
      add(family.quiet, {});
      for (const auto size : sizes) add(family.noisy, {{"ghost_size", size}});
    }
    return cells;
  }
};

}  // namespace

std::unique_ptr<Study> ghost_study() {
  return std::make_unique<GhostStudy>();
}

}  // namespace keel::tools
