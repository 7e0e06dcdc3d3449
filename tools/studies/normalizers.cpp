// Is it batch norm that helps, or any way to keep a network's signals in bounds?

#include "keel/tools/studies/normalizers.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/targets.hpp"

namespace keel::tools {
namespace {

constexpr int normalizers_looks_an_epoch = 3;
constexpr std::array normalizer_arms{"plain", "he",          "skip-init", "ln",      "gn",
                                     "bn",    "weight-norm", "bn-bare",   "bn-after"};
constexpr std::array main_normalizer_arms{"he", "skip-init", "ln", "bn"};
constexpr std::array quick_normalizer_arms{"he", "ln", "bn"};

struct NormalizerOptimizer {
  const char* name;  // of RunSettings::optimizer
  const char* label;
  double common_rate;
  std::array<double, 4> rates;
  std::span<const char* const> arms;
};
constexpr std::array normalizer_optimizers{
    NormalizerOptimizer{"sgd", "SGD", 0.012, {0.004, 0.012, 0.04, 0.12}, normalizer_arms},
    NormalizerOptimizer{"adam", "Adam", 1e-3, {3e-4, 1e-3, 3e-3, 1e-2}, main_normalizer_arms}};

std::optional<RunResult> run_normalizers(const RunSettings& settings, const RunContext& context) {
  Network network{network_for(context.data, settings)};
  TrainingLoop loop{network, settings, context};
  TargetWatch watch{loop, normalizers_looks_an_epoch};
  loop.train([&](std::int64_t step, double) {
    watch.after_step(step);
    return true;
  });
  watch.record();
  loop.measures()["most_steps"] = {static_cast<double>(loop.steps_per_epoch() * settings.epochs)};
  return loop.finish();
}

// The sooner the target is reached the higher, and lower the less accurate where it never is.
double promptness(const RunResult& run) {
  const auto steps = steps_to_target(run);
  return steps.kind == Observation::Kind::exact ? 2.0 - steps.value / measure(run, "most_steps")
                                                : final_accuracy(run);
}

// By how much a took longer than b; nothing is known where neither got there.
Observation ratio_of_steps(const Observation& a, const Observation& b) {
  using Kind = Observation::Kind;
  const double ratio = a.value / b.value;
  if (a.kind == Kind::exact) return {ratio, b.kind == Kind::exact ? Kind::exact : Kind::at_most};
  return {ratio, b.kind == Kind::exact ? Kind::at_least : Kind::unknown};
}

struct NormalizerRival {
  const char* arm;
  const char* optimizer;
  const char* claim;
};
// The first is what the study as a whole is judged by.
constexpr std::array normalizer_rivals{
    NormalizerRival{"ln", "sgd", "Batch norm gets to {0} in fewer steps than layer norm does."},
    NormalizerRival{"he", "sgd",
                    "It gets there in fewer steps than a plain network that starts by He's rule."},
    NormalizerRival{"skip-init", "sgd",
                    "It gets there in fewer steps than a residual network without norms."},
    NormalizerRival{"bn-bare", "sgd", "It gets there in fewer steps with gamma and beta than without them."},
    NormalizerRival{"ln", "adam", "Under Adam, too, it gets there in fewer steps than layer norm does."}};

class NormalizersStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "normalizers"; }
  [[nodiscard]] std::string claim() const override {
    return "It is batch normalization that speeds up training, not any normalization.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Three hidden layers of 128 with ReLU, batch 128, under SGD with momentum 0.9: plain with PyTorch's start "
           "and with He's, residual with SkipInit, with layer norm, group norm (8 groups), weight norm, and with "
           "batch norm, as usual, without gamma and beta, and behind the activation; four of them under Adam as "
           "well. Steps until 97 % of the validation images are classified correctly (looked at three times an "
           "epoch, interpolated in between), and the accuracy at the end, each arm at the one of four learning "
           "rates that took it to 97 % soonest on other seeds (or, where none did, that left it most accurate); "
           "beside it four arms at a rate that all share. What never gets there in the steps that it is given "
           "counts as a bound.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Steps are not time: a norm makes each one cost more (see cost). Three layers are few: De and Smith "
           "(2020) find that what batch norm does for residual networks is to scale their branches down, so that "
           "SkipInit trains up to 1,000 layers without it and falls behind at large batches only; Wu and He (2018) "
           "find group norm within half a point of batch norm on ImageNet at batch 32 (75.9 % against 76.4 %) and "
           "10.6 points ahead at batch 2. Fully connected layers on small images are neither. Rates are chosen from a grid of "
           "half decades, so that an arm's best may lie between two.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for_each_cell(scale, [&](const NormalizerOptimizer& optimizer, const char* arm) {
      std::vector<double> rates{optimizer.rates.begin(), optimizer.rates.end()};
      if (scale.quick) rates = {rates[1], rates[2]};
      for (const auto& tuning : tuning_settings(scale, settings_of(scale, optimizer, arm, 0), rates))
        jobs.push_back(job_for(scale, tuning, run_normalizers));
    });
    return jobs;
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for_each_cell(scale, [&](const NormalizerOptimizer& optimizer, const char* arm) {
      const auto add = [&](const char* rate, double learning_rate) {
        for (const auto seed : seeds_of(scale)) {
          auto settings = settings_of(scale, optimizer, arm, seed);
          settings.factors.set("rate", rate);
          settings.learning_rate = learning_rate;
          jobs.push_back(job_for(scale, settings, run_normalizers));
        }
      };
      const auto cell = of_model(arm) && with_factor("optimizer", optimizer.label);
      add("tuned", tuned_rate(scale.tuning, cell, promptness));
      const auto* main = std::ranges::find(main_normalizer_arms, std::string_view{arm});
      if (!scale.quick && main != main_normalizer_arms.end()) add("common", optimizer.common_rate);
    });
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<Finding> findings;
    for (const auto& rival : normalizer_rivals) {
      const auto* optimizer = std::ranges::find(normalizer_optimizers, std::string_view{rival.optimizer},
                                                &NormalizerOptimizer::name);
      const auto steps = [&](const char* arm) {
        std::map<std::uint64_t, Observation> result;
        for (const auto& run : runs_of(runs, normalizers_cell(arm, optimizer->label, "tuned")))
          result[run.settings.seed] = steps_to_target(run);
        return result;
      };
      const auto bn = steps("bn");
      std::vector<Observation> ratios;
      for (const auto& [seed, theirs] : steps(rival.arm))
        if (bn.contains(seed)) ratios.push_back(ratio_of_steps(theirs, bn.at(seed)));
      if (ratios.empty()) continue;
      findings.push_back(tools::judge({.name = fmt::format("steps to {}, {} / batch norm, {}", target_text(),
                                                           label_of(rival.arm), optimizer->label),
                                       .claim = fmt::format(fmt::runtime(rival.claim), target_text()),
                                       .unit = "times",
                                       .scale = Endpoint::Scale::ratio,
                                       .least = 1.2},
                                      ratios));
    }
    const auto accuracy = [&](const char* arm) {
      return by_seed(runs, normalizers_cell(arm, "SGD", "tuned"),
                     [](const RunResult& run) { return 100.0 * final_accuracy(run); });
    };
    const auto gain = pairwise(accuracy("bn"), accuracy("ln"), [](double a, double b) { return a - b; });
    if (!gain.empty())
      findings.push_back(tools::judge({.name = "final accuracy, batch norm - layer norm, SGD",
                                       .claim = "Batch norm ends more accurate than layer norm.",
                                       .unit = "points",
                                       .least = 0.2},
                                      gain));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return normalizers_figures(runs);
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return normalizers_tables(runs);
  }

 private:
  static std::string target_text() { return target_name(normalizers_target) + " %"; }

  static void for_each_cell(const StudyScale& scale, const auto& use) {
    for (const auto& optimizer : normalizer_optimizers) {
      const auto arms = scale.quick ? std::span<const char* const>{quick_normalizer_arms} : optimizer.arms;
      for (const char* arm : arms) use(optimizer, arm);
      if (scale.quick) return;
    }
  }

  [[nodiscard]] RunSettings settings_of(const StudyScale& scale, const NormalizerOptimizer& optimizer,
                                        const char* arm, std::uint64_t seed) const {
    auto settings = settings_for(*this, scale, arm, seed);
    settings.factors.set("optimizer", optimizer.label);
    settings.optimizer = optimizer.name;
    settings.hidden = {128, 128, 128};
    settings.batch_size = 128;
    settings.epochs = scale.quick ? 2 : 5;
    return settings;
  }
};

}  // namespace

RunFilter normalizers_cell(const std::string& model, const Factor& optimizer, const std::string& rate) {
  return of_model(model) && with_factor("optimizer", optimizer) && with_factor("rate", rate);
}

Observation steps_to_target(const RunResult& run) {
  const auto found = series(run, "steps_to_" + target_name(normalizers_target));
  if (!found.empty()) return {found.front()};
  const double most = measure(run, "most_steps");
  return {most, std::isnan(most) ? Observation::Kind::exact : Observation::Kind::at_least};
}

std::unique_ptr<Study> normalizers_study() {
  return std::make_unique<NormalizersStudy>();
}

}  // namespace keel::tools
