// Does batch norm make training less sensitive to the initial weights?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/observed.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array started_arms{"plain", "ln", "bn"};
constexpr double close_to_best = 0.01;
constexpr double common_start_rate = 0.01;

// Standard deviations of the weights, in half decades; --quick has every second one from 1e-3 on.
constexpr std::array starts{1e-4, 3.2e-4, 1e-3, 3.2e-3, 0.01, 0.032, 0.1, 0.32, 1.0};

std::vector<double> start_rates(const StudyScale& scale) {
  if (scale.quick) return {0.001, 0.01, 0.1};
  return {1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1.0};
}

std::optional<RunResult> run_initialization(const RunSettings& settings, const RunContext& context) {
  auto options = network_for(context.data, settings);
  if (const auto* deviation = settings.factors.find("sd"))
    options.weights = initializers::normal(0.0, deviation->number());
  options.bias_values = initializers::constant(0.0);
  Network network{options};
  TrainingLoop loop{network, settings, context};
  loop.train();
  return loop.finish();
}

// Of a run that diverged or learned nothing, none.
double learned(const RunResult& run) {
  return has_learned(run) ? final_accuracy(run) : 0.0;
}

// The accuracies of one arm, all at rates chosen alike, by seed and the weights' standard deviation.
using ByStart = std::map<double, double>;
std::map<std::uint64_t, ByStart> accuracies_by_start(std::span<const RunResult> runs,
                                                     const std::string& model, const std::string& rate) {
  std::map<std::uint64_t, ByStart> result;
  for (const auto& run : runs_of(runs, of_model(model) && with_factor("rate", rate)))
    if (const auto* sd = run.settings.factors.find("sd"))
      result[run.settings.seed][sd->number()] = learned(run);
  return result;
}

double decades_between(const ByStart& by_start) {
  if (by_start.size() < 2) return 0.0;
  return std::log10(by_start.rbegin()->first / by_start.begin()->first) /
         static_cast<double>(by_start.size() - 1);
}

// Decades of standard deviation that end within a point of the best: a start of the grid stands for the
// stretch up to its neighbours. At least so many where one at an end of the grid does.
Observation good_decades(const ByStart& by_start) {
  double best = 0.0;
  for (const auto& [sd, accuracy] : by_start) {
    if (std::isnan(accuracy)) return {accuracy};
    best = std::max(best, accuracy);
  }
  const auto is_good = [&](const auto& entry) {
    return entry.second > 0.0 && entry.second >= best - close_to_best;
  };
  const auto count = std::ranges::count_if(by_start, is_good);
  const bool is_bound = count == 0 || is_good(*by_start.begin()) || is_good(*by_start.rbegin());
  return {static_cast<double>(count) * decades_between(by_start),
          is_bound ? Observation::Kind::at_least : Observation::Kind::exact};
}

class InitializationStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "initialization"; }
  [[nodiscard]] std::string claim() const override {
    return "With batch normalization training is less sensitive to the initial weights.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Four hidden layers of 128 with ReLU, plain, with layer norm and with batch norm, from normal "
           "weights of standard deviations from 1e-4 to 1 in half decades, biases zero, by SGD, momentum "
           "0.9, batch 64, two epochs; and plain from He's rule. (With --quick plain and batch norm alone, "
           "from 1e-3 on in decades, one epoch.) Each start of each arm has the learning rate, of 1e-6 to 1 "
           "in decades (1e-3 to 0.1 with --quick), that gives it the best accuracy after an epoch on seeds "
           "that are not judged; and, but with --quick, all have a common one of 0.01 as well. The effect "
           "is by how many decades of standard deviation more, of the same arm and seed, the final "
           "validation accuracy is within one point of the best. Where the grid ends among such starts, its "
           "end is a bound.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Batch norm removes the scale of the weights only as long as the variance of what they give is "
           "large against epsilon (1e-5); behind a layer of 128 that ends at a standard deviation of about "
           "4e-4, and below, epsilon takes over. The last layer is not normalized, so its start matters in "
           "all arms. With a norm the scale of the weights sets the effective learning rate, which goes as "
           "the rate over its square (van Laarhoven 2017), so that a rate for each start takes part of the "
           "sensitivity away. Layer norm removes the scale as well: what it gains is not due to the batch. "
           "A plain network started by He's rule (He et al. 2015) needs no help, and deep residual ones "
           "train without a norm from a start made for them (Zhang, Dauphin and Ma 2019). Each arm is held "
           "against its own best.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (auto settings : all_starts(scale, 0)) {
      settings.epochs = 1;
      for (const auto& tried : tuning_settings(scale, settings, start_rates(scale)))
        jobs.push_back(job_for(scale, tried, run_initialization));
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      for (auto settings : all_starts(scale, seed)) {
        const auto* sd = settings.factors.find("sd");
        const auto of_start = sd != nullptr ? with_factor("sd", *sd) : of_model("he");
        const double tuned = tuned_rate(scale.tuning, of_model(settings.model) && of_start, learned);
        settings.epochs = scale.quick ? 1 : 2;
        for (const std::string rate : {"tuned", "common"}) {
          if (scale.quick && rate == "common") continue;
          settings.factors.set("rate", rate);
          settings.learning_rate = rate == "tuned" ? tuned : common_start_rate;
          jobs.push_back(job_for(scale, settings, run_initialization));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<Finding> findings{
        wider(runs, "bn", "plain", "tuned",
              "With batch norm, a wider range of starts does well, each at a rate of its own.")};
    if (tools::runs_of(runs, of_model("ln")).empty()) return findings;
    findings.push_back(wider(runs, "bn", "ln", "tuned",
                             "With batch norm, a wider range of starts does well than with layer norm."));
    findings.push_back(wider(runs, "ln", "plain", "tuned",
                             "Layer norm, too, makes training less sensitive to the initial weights."));
    findings.push_back(wider(runs, "bn", "plain", "common",
                             "With batch norm, a wider range of starts does well at one rate for all."));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    std::vector<Figure> figures;
    for (const auto& rate : levels_of(runs, "rate")) {
      const bool is_tuned = rate.word() == "tuned";
      Figure figure{
          .title = fmt::format("Final validation accuracy by the start of the weights, {}",
                               is_tuned ? "each at its own learning rate" : "all at the same learning rate"),
          .x = {.name = "standard deviation of the initial weights", .logarithmic = true},
          .y = {.name = "validation accuracy (%)", .low = 0.0, .high = 100.0}};
      for (const char* model : started_arms) {
        std::map<double, std::vector<double>> by_start;
        for (const auto& [seed, accuracies] : accuracies_by_start(runs, model, rate.word()))
          for (const auto& [sd, accuracy] : accuracies) by_start[sd].push_back(100.0 * accuracy);
        if (by_start.empty()) continue;
        Series series{.arm = model, .label = label_of(model)};
        for (const auto& [sd, values] : by_start) series.points.push_back(point_at(sd, values));
        figure.series.push_back(std::move(series));
      }
      const double he = of_he(runs, rate);
      if (std::isfinite(he)) figure.levels.push_back({he, "plain, He's start"});
      figures.push_back(std::move(figure));
    }
    return figures;
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    Table table{.title = "The rates of the starts, as tuned", .header = {"standard deviation"}};
    for (const char* model : started_arms) table.header.push_back(label_of(model));
    for (const auto& sd : levels_of(runs, "sd")) {
      std::vector<std::string> row{fmt::format("{:g}", sd.number())};
      for (const char* model : started_arms) {
        const auto of_start =
            tools::runs_of(runs, of_model(model) && with_factor("sd", sd) && with_factor("rate", "tuned"));
        row.push_back(of_start.empty() ? "\u2013"
                                       : fmt::format("{:g}", of_start.front().settings.learning_rate));
      }
      table.rows.push_back(std::move(row));
    }
    return {table};
  }

 private:
  // Every arm from every start, and a plain network from He's.
  [[nodiscard]] std::vector<RunSettings> all_starts(const StudyScale& scale, std::uint64_t seed) const {
    std::vector<RunSettings> all;
    for (const std::string model : started_arms) {
      if (scale.quick && model == "ln") continue;
      for (std::size_t i = scale.quick ? 2 : 0; i < starts.size(); i += scale.quick ? 2 : 1) {
        all.push_back(settings_for(*this, scale, model, seed));
        all.back().factors.set("sd", starts[i]);
      }
    }
    if (!scale.quick) all.push_back(settings_for(*this, scale, "he", seed));
    for (auto& settings : all) settings.hidden = {128, 128, 128, 128};
    return all;
  }

  static Finding wider(std::span<const RunResult> runs, const std::string& model, const std::string& other,
                       const std::string& rate, const std::string& claim) {
    const auto decades = [&](const std::string& arm) {
      ObservedBySeed result;
      for (const auto& [seed, by_start] : accuracies_by_start(runs, arm, rate))
        result[seed] = good_decades(by_start);
      return result;
    };
    const auto by_seed = accuracies_by_start(runs, model, rate);
    return tools::judge(
        {.name = fmt::format("decades of weights' deviation within a point of the best, {} - {}, {}",
                             label_of(model), label_of(other),
                             rate == "tuned" ? "each at its own rate" : "at a common rate"),
         .claim = claim,
         .unit = "decades",
         .least = 0.5,
         .resolution = by_seed.empty() ? 0.0 : decades_between(by_seed.begin()->second)},
        pairwise(decades(model), decades(other), difference));
  }

  static double of_he(std::span<const RunResult> runs, const Factor& rate) {
    std::vector<double> accuracies;
    for (const auto& run : tools::runs_of(runs, of_model("he") && with_factor("rate", rate)))
      accuracies.push_back(100.0 * learned(run));
    return accuracies.empty() ? std::nan("") : mean_of(accuracies);
  }
};

}  // namespace

std::unique_ptr<Study> initialization_study() {
  return std::make_unique<InitializationStudy>();
}

}  // namespace keel::tools
