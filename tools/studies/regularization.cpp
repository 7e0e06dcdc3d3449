// Does batch norm regularize, and does it improve generalization?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/equal_fit.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/regularization_figures.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr double compared_loss = 0.1;  // the training loss, in nats, at which test losses are compared: the
                                       // lowest that both came to, if that is higher
constexpr double common_fit_rate = 0.01;

struct Size {
  std::int64_t images;
  int epochs;
};

// The first is what the study is judged by.
std::vector<Size> sizes_of(const StudyScale& scale) {
  const auto all = training_images(scale, {.limit = scale.limit});
  const auto large = std::min<std::int64_t>(5000, all);
  const auto small = std::min<std::int64_t>(1000, std::max<std::int64_t>(1, large / 5));
  if (scale.quick) return {{small, 16}};
  if (small == large) return {{small, 40}};
  return {{small, 40}, {large, 16}};
}

// The strengths of what an arm regularizes with, of which one is chosen with the rate; 0 where it has none.
std::vector<double> strengths_of(const StudyScale& scale, const std::string& model) {
  if (model == "weight-decay") return scale.quick ? std::vector{1e-3} : std::vector{1e-4, 1e-3, 1e-2};
  if (model == "dropout" || model == "bn+dropout")
    return scale.quick ? std::vector{0.5} : std::vector{0.2, 0.5};
  return {0.0};
}

std::vector<double> fit_rates(const StudyScale& scale) {
  return scale.quick ? std::vector{0.01, 0.03} : std::vector{0.003, 0.01, 0.03, 0.1};
}

bool has(const std::string& model, const char* part) {
  return model.find(part) != std::string::npos;
}

void set_strength(RunSettings& settings, double strength) {
  if (settings.model == "weight-decay") settings.weight_decay = strength;
  if (has(settings.model, "dropout")) settings.factors.set("dropout", strength);
}

std::optional<RunResult> run_regularization(const RunSettings& settings, const RunContext& context) {
  auto base = settings;
  base.model = has(settings.model, "bn") ? "bn" : settings.model == "ln" ? "ln" : "plain";
  auto options = network_for(context.data, base);
  if (const auto* rate = settings.factors.find("dropout")) options.dropout = rate->number();
  Network network{options};
  TrainingLoop loop{network, settings, context};
  const auto interval = loop.steps_per_epoch() * std::max(1, settings.epochs / 12);
  loop.train([&](std::int64_t step, double) {
    if (step % interval != 0) return true;
    loop.measures()["train_loss"].push_back(loop.evaluate_training().loss);
    loop.measures()["test_loss"].push_back(loop.test().loss);
    return true;
  });
  return loop.finish();
}

// What the arm is judged with: of the tuning runs, the rate and the strength with the best mean accuracy.
RunSettings tuned_settings(std::span<const RunResult> tuning, const RunFilter& filter) {
  using Choice = std::tuple<double, double, double>;  // weight decay, dropout, rate
  std::map<Choice, std::pair<double, const RunSettings*>> sums;
  for (const auto& run : tuning) {
    if (!filter(run)) continue;
    const auto* dropout = run.settings.factors.find("dropout");
    auto& [sum, settings] = sums[{run.settings.weight_decay, dropout != nullptr ? dropout->number() : 0.0,
                                  run.settings.learning_rate}];
    const double accuracy = final_accuracy(run);
    sum += std::isfinite(accuracy) ? accuracy : 0.0;
    settings = &run.settings;
  }
  if (sums.empty()) throw Error{"settings are to be chosen for an arm that no tuning run has"};
  const auto best = std::ranges::max_element(sums, {}, [](const auto& entry) { return entry.second.first; });
  auto settings = *best->second.second;
  settings.tuning = false;
  return settings;
}

class RegularizationStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "regularization"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization acts as a regularizer and improves generalization.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "One hidden layer of 128 with ReLU on few training images, at most 1,000, and on five times as "
           "many (with --quick on the few alone; of a data set that has no 5,000, on all and on a fifth), "
           "by SGD, momentum 0.9, batch 64, for 40 and 16 epochs (16): plain, with weight decay, with "
           "dropout, with layer norm, with batch norm, with batch norm and dropout. The learning rate, and "
           "with it the rate of dropout (0.2 or 0.5) or the decay (1e-4, 1e-3 or 1e-2), is that of the best "
           "validation accuracy on seeds that are not judged; plain and batch norm also at a common rate of "
           "0.01. The study is judged by the test accuracy of batch norm and plain, tuned, on the few "
           "images; each number of images is judged by itself. At equal fit, what generalizes better has "
           "the lower test loss: it is taken at the moment when the training loss, dropout and batch "
           "statistics switched off, falls to 0.1, or to the lowest that both runs of a seed came to.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Whether batch norm regularizes is disputed. Ioffe and Szegedy 2015 could leave dropout out; Luo "
           "et al. 2019 derive a penalty from its noise, which fades as the batch grows; much of what it "
           "gains in accuracy comes from faster optimization in the same number of steps, and Zhang, "
           "Dauphin and Ma 2019 come to the same accuracy without it once other regularization is tuned. "
           "What layer norm gains as well is not due to the noise of batches. Tuning sees two or three "
           "seeds and a coarse grid, by validation images that here outnumber those that are trained on. A "
           "few tenths of a point on easy images say little about harder ones.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& size : sizes_of(scale)) {
      for (const char* model : arms_of(scale)) {
        for (const double strength : strengths_of(scale, model)) {
          auto settings = settings_of(scale, size, model);
          set_strength(settings, strength);
          for (const auto& tried : tuning_settings(scale, settings, fit_rates(scale)))
            jobs.push_back(job_for(scale, tried, run_regularization));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& size : sizes_of(scale)) {
      for (const auto seed : seeds_of(scale)) {
        const auto add = [&](RunSettings settings, const char* rate) {
          settings.factors.set("rate", rate);
          settings.seed = seed;
          jobs.push_back(job_for(scale, settings, run_regularization));
        };
        for (const char* model : arms_of(scale))
          add(tuned_settings(scale.tuning, of_model(model) && with_factor("images", size.images)), "tuned");
        for (const char* model : {"plain", "bn"}) {
          auto settings = settings_of(scale, size, model);
          settings.learning_rate = common_fit_rate;
          add(settings, "common");
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto levels = levels_of(runs, "images");
    std::vector<Finding> findings;
    for (const auto& images : levels) {
      const auto of_size = tools::runs_of(runs, with_factor("images", images));
      const auto count = fmt::format("{} images", images.whole());
      findings.push_back(more_accurate(of_size, "plain", "tuned",
                                       fmt::format("Trained on {}, a network with batch norm classifies more "
                                                   "test images correctly, each tuned.",
                                                   count)));
      findings.push_back(tools::judge(
          {.name = fmt::format("test loss at equal training loss, plain - batch norm, {}", count),
           .claim = fmt::format("At the same fit to {}, batch norm has the lower test loss.", count),
           .unit = "nats"},
          at_equal_training_loss(of_size)));
      for (const char* other : {"dropout", "weight-decay"})
        findings.push_back(more_accurate(of_size, other, "tuned",
                                         fmt::format("On {}, batch norm gains more than {} does, both tuned.",
                                                     count, regularization_label(other))));
      findings.push_back(more_accurate(of_size, "plain", "common",
                                       fmt::format("Trained on {} at one rate, a network with batch norm "
                                                   "classifies more test images correctly.",
                                                   count)));
    }
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return regularization_figures(runs);
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return {regularization_table(runs)};
  }

 private:
  static std::vector<const char*> arms_of(const StudyScale& scale) {
    if (scale.quick) return {"plain", "bn", "dropout", "weight-decay"};
    return {regularization_arms.begin(), regularization_arms.end()};
  }

  [[nodiscard]] RunSettings settings_of(const StudyScale& scale, const Size& size,
                                        const std::string& model) const {
    auto settings = settings_for(*this, scale, model, 0);
    settings.factors.set("images", size.images);
    settings.limit = size.images;
    settings.epochs = size.epochs;
    return settings;
  }

  // `runs` are of one number of images.
  static Finding more_accurate(std::span<const RunResult> runs, const std::string& other,
                               const std::string& rate, const std::string& claim) {
    const auto accuracies = [&](const std::string& model) {
      return by_seed(runs, of_model(model) && with_factor("rate", rate), regularization_accuracy);
    };
    return tools::judge(
        {.name = fmt::format("test accuracy, batch norm - {}, {}, {} images", regularization_label(other),
                             rate == "tuned" ? "both tuned" : "at a common rate",
                             levels_of(runs, "images").front().whole()),
         .claim = claim,
         .unit = "points",
         .least = 0.3},
        pairwise(accuracies("bn"), accuracies(other), [](double a, double b) { return a - b; }));
  }

  // By seed, the plain network's test loss less that with batch norm, both tuned, at the same training loss.
  static std::vector<double> at_equal_training_loss(std::span<const RunResult> runs) {
    std::map<std::uint64_t, std::map<std::string, const RunResult*>> arms_by_seed;
    for (const auto& run : runs)
      if (with_factor("rate", "tuned")(run)) arms_by_seed[run.settings.seed][run.settings.model] = &run;
    std::vector<double> result;
    for (const auto& [seed, by_arm] : arms_by_seed) {
      if (!by_arm.contains("plain") || !by_arm.contains("bn")) continue;
      const auto& plain = *by_arm.at("plain");
      const auto& bn = *by_arm.at("bn");
      const double level = std::max({compared_loss, lowest_training_loss(plain), lowest_training_loss(bn)});
      result.push_back(test_loss_at(plain, level) - test_loss_at(bn, level));
    }
    return result;
  }
};

}  // namespace

std::unique_ptr<Study> regularization_study() {
  return std::make_unique<RegularizationStudy>();
}

}  // namespace keel::tools
