#include "planted_runs.hpp"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "keel/runtime/error.hpp"
#include "keel/tools/studies/registry.hpp"
#include "planted_discrepancy.hpp"
#include "planted_ghost.hpp"
#include "planted_normalizers.hpp"
#include "planted_optimization.hpp"
#include "planted_shift.hpp"
#include "study_support.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// What seeds differ by, evenly to either side: far less than a planted effect, and not nothing.
double jitter(const RunSettings& settings) {
  return settings.seed % 2 == 0 ? 1e-4 : -1e-4;
}

bool is_bn(const RunSettings& settings) {
  return settings.model == "bn";
}

// Of the tiny data, that a network is trained on for `regularization`: a fifth.
constexpr int fewest_images = 64;

const Factor& factor(const RunSettings& settings, const char* name) {
  return settings.factors.at(name);
}

RunResult convergence(const RunSettings& settings, double effect) {
  auto run = planted_training(settings, 0.98);
  const double steps = is_bn(settings) ? 400.0 * std::pow(2.0, -effect) * (1.0 + jitter(settings)) : 400.0;
  run.measures = {{"steps_to_95", {steps}},        {"steps_to_97", {1.5 * steps}},
                  {"to_95_seconds", {0.1}},        {"to_97_seconds", {0.2}},
                  {"most_steps", {2000.0}},        {"steps", {100.0, steps, 1.5 * steps}},
                  {"accuracy", {0.5, 0.95, 0.97}}, {"loss", {1.0, 0.2, 0.1}}};
  return run;
}

// Rates from 0.1 to 0.3 do well, with batch norm up to ten times as much, or down; the highest diverge.
RunResult learning_rate(const RunSettings& settings, double effect) {
  const double highest = std::sqrt(0.1) * (is_bn(settings) ? std::pow(10.0, effect) : 1.0);
  const double lowest = std::min(0.09, 0.99 * highest);
  const bool good = settings.learning_rate < 1.01 * highest && settings.learning_rate > lowest;
  auto run = planted_training(settings, good ? 0.95 + jitter(settings) : 0.6);
  if (settings.learning_rate > 30.0 * highest) {
    run.diverged = true;
    run.divergence = "the loss was nan";
    run.epochs.back() = {
        .epoch = run.epochs.back().epoch, .train_loss = std::nan(""), .validation = {std::nan(""), 0.2}};
    run.test.reset();
  }
  return run;
}

// Weights within 0.6 decades of 0.032 do well: three starts, with batch norm five or one.
RunResult initialization(const RunSettings& settings, double effect) {
  const auto* sd = settings.factors.find("sd");
  const double reach = is_bn(settings) ? 0.6 + 0.5 * effect : 0.6;
  const bool good = sd == nullptr || std::abs(std::log10(sd->number() / 0.032)) < reach;
  return planted_training(settings, good ? 0.9 + jitter(settings) : 0.5);
}

RunResult depth(const RunSettings& settings, double effect) {
  const bool deep = factor(settings, "depth").whole() >= 20;
  auto run =
      planted_training(settings, deep && is_bn(settings) ? 0.5 + 0.3 * effect + jitter(settings) : 0.5);
  const double decades = is_bn(settings) ? 4.0 - 3.0 * effect + jitter(settings) : 4.0;
  const auto hidden = static_cast<double>(settings.hidden.size());
  for (const int step : {0, 1, 10}) {
    auto& norms = run.measures[fmt::format("gradient_norms_after_{}", step)];
    for (double layer = 0.0; layer <= hidden; layer += 1.0)
      norms.push_back(std::pow(10.0, -decades * (layer - 1.0) / (hidden - 2.0 + 1e-9)));
    norms.front() = norms.back() = 1.0;
  }
  return run;
}

RunResult activations(const RunSettings& settings, double effect) {
  const auto* noise = settings.factors.find("noise");
  auto run = planted_training(settings, noise != nullptr ? 0.9 - 0.05 * effect + jitter(settings) : 0.9);
  const double stability = is_bn(settings) ? std::pow(2.0, effect) * (1.0 + jitter(settings)) : 1.0;
  run.measures = {{"drift", {noise != nullptr ? 0.3 * noise->number() : 0.4 / stability}},
                  {"drift_before_norm", {0.4}},
                  {"steps", {1.0, 3.0}}};
  const double cosine = is_bn(settings) ? 0.6 + 0.2 * effect + jitter(settings) : 0.6;
  for (const int layer : {2, 3, 4}) {
    run.measures[fmt::format("gradient_shift_layer_{}", layer)] = {0.2 / stability, 0.4 / stability};
    run.measures[fmt::format("gradient_cosine_layer_{}", layer)] = {cosine, cosine};
  }
  for (const char* place : {"before_norm", "before_activation"})
    for (const int percentile : {15, 50, 85})
      run.measures[fmt::format("{}_p{}", place, percentile)] = {percentile / 100.0, percentile / 50.0};
  return run;
}

RunResult regularization(const RunSettings& settings, double effect) {
  auto run = planted_training(settings, is_bn(settings) ? 0.9 + 0.05 * effect + jitter(settings) : 0.9);
  const double gain = is_bn(settings) ? 0.1 * effect + jitter(settings) : 0.0;
  run.measures = {{"train_loss", {1.0, 0.4, 0.2, 0.05}},
                  {"test_loss", {1.0, 0.6 - gain, 0.5 - gain, 0.45 - gain}}};
  return run;
}

// Batch norm loses at batch 2; population statistics and batches of 64 bring some back, ghost batches do not.
RunResult small_batch(const RunSettings& settings, double effect) {
  const bool is_ghost = settings.model == "ghost";
  const bool suffers = is_bn(settings) && settings.batch_size == 2;
  const double accuracy = suffers ? 0.8 - 0.1 * effect + jitter(settings) : 0.8;
  auto run = planted_training(settings, accuracy);
  if (settings.tuning || (!is_bn(settings) && !is_ghost)) return run;
  run.measures = {
      {"batch_statistics_accuracy", {accuracy - 0.1 * effect + jitter(settings)}},
      {"population_accuracy", {accuracy + (is_ghost ? -0.05 : 0.05) * effect + jitter(settings)}}};
  return run;
}

RunResult statistics(const RunSettings& settings, double effect) {
  auto run = planted_training(settings, 0.9);
  const std::vector corrected(3, 0.5 + 0.1 * effect + jitter(settings));
  const std::vector moving(3, 0.5 + 0.2 * effect + 2.0 * jitter(settings));
  for (const char* momentum : {"0.1", "0.01", "0.001"}) {
    run.measures[fmt::format("moving_{}_loss", momentum)] = moving;
    run.measures[fmt::format("corrected_{}_loss", momentum)] = corrected;
  }
  run.measures["steps"] = {20, 100, 1000};
  run.measures["population_loss"] = std::vector(3, 0.5);
  run.measures["batch_loss"] = std::vector(3, 0.5 + 0.1 * effect + jitter(settings));
  return run;
}

RunResult inference(const RunSettings& settings, double effect) {
  auto run = planted_training(settings, 0.9);
  const double ratio = std::pow(1.5, effect) * (1.0 + jitter(settings));
  for (const char* arm : {"plain", "bn", "folded"})
    run.measures[fmt::format("{}_seconds", arm)] = {1e-5, 2e-5, 3e-5};
  for (const char* name : {"bn_over_plain", "bn_over_folded", "folded_over_plain"})
    run.measures[fmt::format("{}_seconds", name)] = std::vector(3, ratio);
  run.measures["folded_largest_difference"] = {1e-6};
  run.measures["folded_changed_predictions"] = {0.0};
  return run;
}

RunResult recurrent(const RunSettings& settings, double effect) {
  const double accuracy = settings.model == "bn-shared" ? 0.9 - 0.1 * effect + jitter(settings) : 0.9;
  auto run = planted_training(settings, accuracy);
  run.measures = {{"rows", {8.0}}, {"columns", {8.0}}};
  const auto* rate = settings.factors.find("rate");
  if (rate != nullptr && *rate == "tuned") run.measures["f64_accuracy"] = {100.0 * accuracy};
  return run;
}

RunResult cost(const RunSettings& settings, double effect) {
  RunResult run{.settings = settings, .parameters = 1000};
  for (const char* arm : {"plain", "bn"})
    for (const char* what : {"parameters", "running_statistics", "kernels", "product_operations",
                             "bytes_touched", "arena_bytes", "seconds"})
      run.measures[fmt::format("{}_{}", arm, what)] = {100.0};
  run.measures["bn_over_plain_seconds"] = {std::pow(1.5, effect) * (1.0 + jitter(settings))};
  return run;
}

RunResult batch_study(const RunSettings& settings, double effect) {
  auto run = planted_training(settings, is_bn(settings) ? 0.9 + 0.05 * effect + jitter(settings) : 0.9);
  run.measures = {{"steps", {1.0, 2.0}},     {"accuracy", {0.5, 0.9}}, {"loss", {1.0, 0.1}},
                  {"steps_to_95", {20.0}},   {"to_95_seconds", {0.1}}, {"steps_per_epoch", {5.0}},
                  {"last_losses_sd", {0.02}}};
  return run;
}

}  // namespace

RunResult planted_training(const RunSettings& settings, double accuracy) {
  RunResult run{.settings = settings, .parameters = 1000};
  for (int epoch = 1; epoch <= settings.epochs; ++epoch) {
    run.epochs.push_back({.epoch = epoch,
                          .steps = 5,
                          .seconds = 0.1,
                          .train_loss = 1.0 / epoch,
                          .validation = {1.2 / epoch, accuracy}});
  }
  run.test = Evaluation{0.3, accuracy};
  return run;
}

RunResult planted_run(const RunSettings& settings, double effect) {
  if (auto run = planted_optimization_run(settings, effect)) return *run;
  using Plant = RunResult (*)(const RunSettings&, double);
  static const std::map<std::string, Plant> plants{{"activations", activations},
                                                   {"batch-study", batch_study},
                                                   {"convergence", convergence},
                                                   {"cost", cost},
                                                   {"depth", depth},
                                                   {"discrepancy", planted_discrepancy_run},
                                                   {"ghost", planted_ghost_run},
                                                   {"inference", inference},
                                                   {"initialization", initialization},
                                                   {"learning-rate", learning_rate},
                                                   {"normalizers", planted_normalizers_run},
                                                   {"recurrent", recurrent},
                                                   {"regularization", regularization},
                                                   {"shift", planted_shift_run},
                                                   {"small-batch", small_batch},
                                                   {"statistics", statistics}};
  return plants.at(settings.study)(settings, effect);
}

std::vector<Job> judged_jobs(const Study& study, StudyScale scale, double effect) {
  std::vector<RunResult> tuning;
  for (const auto& job : study.tuning_jobs(scale)) tuning.push_back(planted_run(job.settings, effect));
  scale.tuning = tuning;
  return study.jobs(scale);
}

std::vector<RunResult> planted_runs(const Study& study, double effect, int seeds) {
  std::vector<RunResult> runs;
  for (const auto& job : judged_jobs(study, {.data = tiny_data(), .seeds = seeds}, effect)) {
    runs.push_back(planted_run(job.settings, effect));
    for (const auto& prefix : job.prefixes) runs.push_back(planted_run(prefix, effect));
  }
  return runs;
}

RunResult failed_run(const RunSettings& settings) {
  RunResult run;
  run.settings = settings;
  run.error = "the machine ran out of memory";
  return run;
}

bool counts_for_verdict(const RunSettings& settings) {
  if (const auto counts = counts_in_optimization(settings)) return *counts;
  const auto& [study, model] = std::pair{settings.study, settings.model};
  const bool two_arms = model == "plain" || model == "bn";
  const auto* rate = settings.factors.find("rate");
  const bool is_common = rate != nullptr && *rate == Factor{"common"};
  if (study == "convergence") return two_arms && !is_common && factor(settings, "network") == "relu 2 x 128";
  if (study == "learning-rate" || study == "initialization") return two_arms && !is_common;
  if (study == "regularization") return two_arms && !is_common && factor(settings, "images") == fewest_images;
  if (study == "depth") {
    return two_arms && !is_common && factor(settings, "depth") == 20 &&
           factor(settings, "activation") == "relu";
  }
  if (study == "activations") return two_arms && factor(settings, "rate") == "tuned";
  if (study == "recurrent") return factor(settings, "rate") == "tuned";
  if (study == "small-batch")
    return (model == "bn" || model == "ln") && factor(settings, "rate") == "tuned" &&
           (settings.batch_size == 2 || settings.batch_size == 64);
  if (study == "shift") return model == "bn";
  if (study == "cost") return factor(settings, "network") == "1 hidden layer of 128";
  if (study == "normalizers") return normalizers_run_counts(settings);
  if (study == "discrepancy") return discrepancy_run_counts(settings);
  if (study == "ghost") return ghost_run_counts(settings);
  if (study == "batch-study") return factor(settings, "view") == "the same rate and epochs";
  return true;
}

std::vector<const Study*> every_study() {
  std::vector<const Study*> all;
  for (const auto& study : studies()) all.push_back(study.get());
  all.push_back(find_study("batch-study"));
  return all;
}

std::string verdict_of(const Study& study, std::span<const RunResult> runs) {
  return std::string{name_of(study.judge(runs).front().verdict)};
}

}  // namespace keel::test
