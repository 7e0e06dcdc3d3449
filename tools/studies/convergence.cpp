// Does batch norm make training converge in fewer steps?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/targets.hpp"

namespace keel::tools {
namespace {

constexpr int convergence_looks_an_epoch = 8;

struct Contest {
  const char* name;
  Activation activation;
  std::vector<std::int64_t> hidden;
  std::int64_t batch_size;
  double learning_rate;
  int epochs;
};

// The first is the network of Ioffe and Szegedy's figure 1.
const std::array contests{Contest{"sigmoid 3 x 100", Activation::sigmoid, {100, 100, 100}, 60, 0.1, 20},
                          Contest{"relu 2 x 128", Activation::relu, {128, 128}, 64, 0.01, 12}};

std::string steps_name(double target) {
  return "steps_to_" + target_name(target);
}

std::optional<RunResult> run_convergence(const Contest& contest, const RunSettings& settings,
                                         const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.activation = contest.activation;
  Network network{options};
  TrainingLoop loop{network, settings, context};
  TargetWatch watch{loop, convergence_looks_an_epoch};
  loop.train([&](std::int64_t step, double) { return !watch.after_step(step); });
  watch.record();
  loop.measures()["most_steps"] = {static_cast<double>(loop.steps_per_epoch() * settings.epochs)};
  return loop.finish();
}

bool censored(const RunResult& run, double target) {
  return series(run, steps_name(target)).empty();
}

// Of a run that never gets there, the most that it could have taken: a bound from below.
double steps_or_bound(const RunResult& run, double target) {
  return censored(run, target) ? measure(run, "most_steps") : measure(run, steps_name(target));
}

class ConvergenceStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "convergence"; }
  [[nodiscard]] std::string claim() const override {
    return "With batch normalization training converges faster.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Steps until 95 % and 97 % of the validation images are classified correctly, for the network of "
           "Ioffe and Szegedy's first figure (784-100-100-100-10, sigmoid, batch 60, learning rate 0.1) and "
           "for 784-128-128-10 with ReLU (batch 64, learning rate 0.01), both with momentum 0.9. Accuracy is "
           "validated eight times an epoch and interpolated in between; a run ends when it has reached both.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Both arms use the same learning rate, which suits neither best: the plain sigmoid network could "
           "take another start or rate, and part of what batch norm gains is that it tolerates larger rates "
           "(see learning-rate). Steps are not time: a step with batch norm costs more (see cost). A run "
           "that never reaches a target counts with the number of steps that it was given, so that a ratio "
           "with such runs in its plain arm is a bound from below, and 1 where neither arm got there.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& contest : contests) {
      for (const auto seed : seeds_of(scale)) {
        for (const char* model : {"plain", "bn"}) {
          auto settings = settings_for(*this, scale, model, seed);
          settings.factors.set("network", contest.name);
          settings.hidden = contest.hidden;
          settings.batch_size = contest.batch_size;
          settings.learning_rate = contest.learning_rate;
          settings.epochs = scale.quick ? contest.epochs / 2 : contest.epochs;
          jobs.push_back(job_for(scale, settings, [&contest](const RunSettings& s, const RunContext& c) {
            return run_convergence(contest, s, c);
          }));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<Finding> single;
    std::map<std::uint64_t, std::pair<double, int>> pooled;  // by seed, the sum of logarithms and their count
    for (const auto& network : levels_of(runs, "network")) {
      for (const double target : accuracy_targets) {
        const auto arm = [&](const char* model) {
          return by_seed(runs, of_model(model) && with_factor("network", network),
                         [&](const RunResult& run) { return steps_or_bound(run, target); });
        };
        const auto plain = arm("plain");
        const auto bn = arm("bn");
        for (const auto& [seed, steps] : plain) {
          if (!bn.contains(seed)) continue;
          pooled[seed].first += std::log(steps / bn.at(seed));
          ++pooled[seed].second;
        }
        const auto name = network.word();
        single.push_back(tools::judge(
            {.name = fmt::format("steps to {:.0f} %, plain / batch norm, {}", 100.0 * target, name),
             .claim =
                 fmt::format("{} reaches {:.0f} % in fewer steps with batch norm.", name, 100.0 * target),
             .unit = "times",
             .scale = Endpoint::Scale::ratio,
             .least = 1.2},
            pairwise(plain, bn, [](double a, double b) { return a / b; }), note(runs, network, target)));
      }
    }
    std::vector<double> values;
    for (const auto& [seed, sum] : pooled) values.push_back(std::exp(sum.first / sum.second));
    const bool censored =
        std::ranges::any_of(single, [](const Finding& finding) { return !finding.note.empty(); });
    single.insert(
        single.begin(),
        tools::judge({.name = "steps to a target, plain / batch norm, mean of all four",
                      .claim = "Training reaches a given accuracy in fewer steps with batch norm.",
                      .unit = "times",
                      .scale = Endpoint::Scale::ratio,
                      .least = 1.2},
                     values,
                     censored ? "targets that runs never reached are in it, with all their steps" : ""));
    return single;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    std::vector<Figure> figures;
    for (const auto& network : levels_of(runs, "network")) {
      Figure figure{.title = fmt::format("Validation accuracy while {} trains", network.word()),
                    .x = {.name = "steps", .logarithmic = true},
                    .y = {.name = "validation accuracy (%)", .low = 80.0, .high = 100.0},
                    .levels = {{95.0, "95 %"}, {97.0, "97 %"}}};
      for (const char* model : {"plain", "bn"}) {
        figure.series.push_back({.arm = model,
                                 .label = label_of(model),
                                 .points = curve(runs, of_model(model) && with_factor("network", network)),
                                 .marked = false});
      }
      figures.push_back(std::move(figure));
    }
    return figures;
  }

 private:
  static std::string note(std::span<const RunResult> runs, const Factor& network, double target) {
    std::string text;
    for (const char* model : {"plain", "bn"}) {
      const auto arm = runs_of(runs, of_model(model) && with_factor("network", network));
      const auto count = std::ranges::count_if(arm, [&](const auto& run) { return censored(run, target); });
      if (count > 0)
        text += fmt::format("{}{} of {} {} runs never got there and count with all their steps",
                            text.empty() ? "" : "; ", count, arm.size(), label_of(model));
    }
    return text;
  }

  // Means over the runs that were still under way; those that had reached all targets stay where they were.
  static std::vector<Point> curve(std::span<const RunResult> runs, const RunFilter& filter) {
    const auto arm = runs_of(runs, filter);
    std::map<double, std::vector<double>> at;
    std::set<double> all_steps;
    for (const auto& run : arm)
      for (const double step : series(run, "steps")) all_steps.insert(step);
    for (const double step : all_steps) {
      for (const auto& run : arm) {
        const auto steps = series(run, "steps");
        if (steps.empty()) continue;
        const auto index = std::min<std::size_t>(
            static_cast<std::size_t>(std::ranges::lower_bound(steps, step) - steps.begin()),
            steps.size() - 1);
        at[step].push_back(100.0 * series(run, "accuracy")[index]);
      }
    }
    std::vector<Point> points;
    for (const auto& [step, values] : at) points.push_back(point_at(step, values));
    return points;
  }
};

}  // namespace

std::unique_ptr<Study> convergence_study() {
  return std::make_unique<ConvergenceStudy>();
}

}  // namespace keel::tools
