// Does batch norm regularize, and does it improve generalization?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array regularization_arms{"plain", "bn", "dropout", "bn+dropout"};
constexpr double compared_loss = 0.1;  // the training loss, in nats, at which test losses are compared: the
                                       // lowest that both came to, if that is higher

struct Size {
  std::int64_t images;
  int epochs;
};
constexpr std::array sizes{Size{1000, 60}, Size{5000, 24}};

bool has(const std::string& model, const char* part) {
  return model.find(part) != std::string::npos;
}

std::optional<RunResult> run_regularization(const RunSettings& settings, const RunContext& context) {
  auto base = settings;
  base.model = has(settings.model, "bn") ? "bn" : "plain";
  auto options = network_for(context.data, base);
  options.dropout = has(settings.model, "dropout") ? 0.5 : 0.0;
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

// The test loss where the training loss, both in inference mode, first falls to `level`, interpolated in its
// logarithm. NaN if it never does.
double test_loss_at(const RunResult& run, double level) {
  const auto train = series(run, "train_loss");
  const auto test = series(run, "test_loss");
  for (std::size_t i = 0; i < train.size(); ++i) {
    if (!(train[i] <= level)) continue;
    if (i == 0) return test[0];
    const double share = std::log(train[i - 1] / level) / std::log(train[i - 1] / train[i]);
    return test[i - 1] + share * (test[i] - test[i - 1]);
  }
  return std::nan("");
}

double lowest_training_loss(const RunResult& run) {
  const auto train = series(run, "train_loss");
  return train.empty() ? std::nan("") : std::ranges::min(train);
}

double test_accuracy(const RunResult& run) {
  return run.test ? 100.0 * run.test->accuracy : std::nan("");
}

class RegularizationStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "regularization"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization acts as a regularizer and improves generalization.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "784-128-10 with ReLU on the first 1,000 and 5,000 training images, SGD, learning rate 0.01, "
           "momentum 0.9, batch 64, 60 and 24 epochs: plain, with batch norm, with dropout (0.5), with both. "
           "Test accuracy at the end, and the test loss at the moment when the training loss, dropout and "
           "batch statistics switched off, falls to 0.1 (or to the lowest that both runs of a seed came to): "
           "at "
           "equal fit, what generalizes better has the lower one.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Whether batch norm regularizes is disputed: much of what it gains in accuracy comes from faster "
           "optimization in the same number of steps, and with enough tuning its regularization is small "
           "(Luo et al. 2019; Zhang, Dauphin and Ma 2019 train without it as well). MNIST is easy: a few "
           "tenths of a point on it say little about harder data. Dropout of 0.5 was not tuned.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& size : sizes) {
      for (const auto seed : seeds_of(scale)) {
        for (const char* model : regularization_arms) {
          auto settings = settings_for(*this, scale, model, seed);
          settings.factors.set("images", size.images);
          settings.limit = scale.limit > 0 ? std::min(scale.limit, size.images) : size.images;
          settings.epochs = scale.quick ? size.epochs / 3 : size.epochs;
          jobs.push_back(job_for(scale, settings, run_regularization));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<Finding> findings;
    findings.push_back(
        tools::judge({.name = "test accuracy, batch norm - plain, mean of both sizes",
                      .claim = "Trained on few images, a network with batch norm classifies more "
                               "test images correctly.",
                      .unit = "points",
                      .least = 0.3},
                     pairwise(mean_accuracy(runs, "bn"), mean_accuracy(runs, "plain"), minus)));
    for (const auto& images : levels_of(runs, "images")) {
      findings.push_back(tools::judge(
          {.name =
               fmt::format("test loss at equal training loss, plain - batch norm, {} images", images.whole()),
           .claim = fmt::format("At the same fit to {} images, batch norm has the lower test loss.",
                                images.whole()),
           .unit = "nats"},
          at_equal_training_loss(runs, images)));
    }
    findings.push_back(
        tools::judge({.name = "test accuracy, batch norm - dropout, mean of both sizes",
                      .claim = "Batch norm makes dropout unnecessary: it gains more than dropout does.",
                      .unit = "points",
                      .least = 0.3},
                     pairwise(mean_accuracy(runs, "bn"), mean_accuracy(runs, "dropout"), minus)));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure accuracy{.title = "Test accuracy by number of training images",
                    .x = {.name = "training images"},
                    .y = {.name = "test accuracy (%)"}};
    const auto levels = levels_of(runs, "images");
    for (const auto& images : levels) accuracy.x.categories.push_back(fmt::format("{}", images.whole()));
    for (const char* model : regularization_arms) {
      Series line{.arm = model, .label = label_of(model)};
      for (std::size_t i = 0; i < levels.size(); ++i) {
        line.points.push_back(
            point_at(static_cast<double>(i),
                     by_seed(runs, of_model(model) && with_factor("images", levels[i]), test_accuracy)));
      }
      accuracy.series.push_back(std::move(line));
    }
    std::vector<Figure> figures{std::move(accuracy)};
    for (const auto& images : levels) figures.push_back(path_figure(runs, images));
    return figures;
  }

 private:
  static double minus(double a, double b) { return a - b; }

  // By seed, the mean over the sizes.
  static BySeed mean_accuracy(std::span<const RunResult> runs, const std::string& model) {
    std::map<std::uint64_t, std::vector<double>> all;
    for (const auto& run : runs)
      if (run.settings.model == model) all[run.settings.seed].push_back(test_accuracy(run));
    BySeed result;
    for (const auto& [seed, values] : all) result[seed] = mean_of(values);
    return result;
  }

  // By seed, the plain network's test loss less that with batch norm, at the same training loss.
  static std::vector<double> at_equal_training_loss(std::span<const RunResult> runs, const Factor& images) {
    std::map<std::uint64_t, std::map<std::string, const RunResult*>> arms_of;
    for (const auto& run : runs)
      if (with_factor("images", images)(run)) arms_of[run.settings.seed][run.settings.model] = &run;
    std::vector<double> result;
    for (const auto& [seed, by_arm] : arms_of) {
      if (!by_arm.contains("plain") || !by_arm.contains("bn")) continue;
      const auto& plain = *by_arm.at("plain");
      const auto& bn = *by_arm.at("bn");
      const double level = std::max({compared_loss, lowest_training_loss(plain), lowest_training_loss(bn)});
      result.push_back(test_loss_at(plain, level) - test_loss_at(bn, level));
    }
    return result;
  }

  // Test loss against training loss, along the training.
  static Figure path_figure(std::span<const RunResult> runs, const Factor& images) {
    Figure figure{.title = fmt::format("Test loss along the training loss, {} images", images.whole()),
                  .x = {.name = "training loss (nats)", .logarithmic = true},
                  .y = {.name = "test loss (nats)"}};
    for (const char* model : regularization_arms) {
      std::map<std::size_t, std::vector<double>> train;
      std::map<std::size_t, std::vector<double>> test;
      for (const auto& run : runs_of(runs, of_model(model) && with_factor("images", images))) {
        for (std::size_t i = 0; i < series(run, "train_loss").size(); ++i) {
          train[i].push_back(series(run, "train_loss")[i]);
          test[i].push_back(series(run, "test_loss")[i]);
        }
      }
      Series line{.arm = model, .label = label_of(model)};
      for (const auto& [i, values] : train) line.points.push_back(point_at(mean_of(values), test[i]));
      figure.series.push_back(std::move(line));
    }
    return figure;
  }
};

}  // namespace

std::unique_ptr<Study> regularization_study() {
  return std::make_unique<RegularizationStudy>();
}

}  // namespace keel::tools
