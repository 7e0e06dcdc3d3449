// Does batch norm keep gradients from vanishing and exploding, and does it allow deeper networks?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/both_rates.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/depth_views.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/probe.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array activations{Activation::sigmoid, Activation::tanh, Activation::relu};
constexpr std::int64_t width = 64;
constexpr std::array looked_at{0, 1, 10};  // steps after which gradients are measured

// What one would use without batch norm: the strongest plain arm.
InitializerRule weights_for(Activation activation) {
  return activation == Activation::relu ? initializers::kaiming_normal() : initializers::xavier_normal();
}

Activation activation_of(const RunSettings& settings) {
  const auto& name = settings.factors.at("activation").word();
  return *std::ranges::find_if(activations, [&](Activation each) { return name_of(each) == name; });
}

std::optional<RunResult> run_depth(const RunSettings& settings, const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.activation = activation_of(settings);
  options.weights = weights_for(options.activation);
  options.bias_values = initializers::constant(0.0);
  Network network{options};
  TrainingLoop loop{network, settings, context};
  Probe probe{network};
  BatchGatherer fixed{context.data.train, settings.batch_size};
  const auto size =
      std::min<std::size_t>(static_cast<std::size_t>(settings.batch_size), loop.split().training.size());
  fixed.gather(std::span{loop.split().training}.first(size));
  const auto look = [&](std::int64_t step) {
    if (std::ranges::find(looked_at, step) == looked_at.end()) return;
    auto& norms = loop.measures()[gradient_norms_measure(step)];
    for (const auto gradient : probe.weight_gradients(fixed.images(), fixed.labels()))
      norms.push_back(norm(gradient));
  };
  look(0);
  loop.train([&](std::int64_t step, double) {
    look(step);
    return true;
  });
  return loop.finish();
}

class DepthStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "depth"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization mitigates vanishing and exploding gradients and enables deeper networks.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Networks of 2 to 40 hidden layers of 64 units with sigmoid, tanh and ReLU, started by Xavier's "
           "rule (ReLU: He's), biases zero: plain, with batch norm, with layer norm, and residual by SkipInit, without "
           "a norm; at most 12,000 training images, SGD, momentum 0.9, batch 64. Every network of the grid at the "
           "learning rate that did best on seeds of its own; those of 20 layers at 0.01 as well. The norm of the "
           "gradient of each layer's weights on one fixed batch before the first step and after steps 1 and 10, and "
           "the final validation accuracy. Cells of the grid that disagree are not averaged: the study is judged by "
           "one that was named before any run, ReLU and 20 layers, since that is what deep networks were built of, "
           "and the table counts the others. Gradients are judged by how many decades those of the weights "
           "between hidden layers spread before the first step.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "At initialization batch norm with ReLU itself makes gradients explode: their square grows by "
           "pi/(pi-1) = 1.47 a layer towards the input, whatever the scale of the weights (Yang et al. "
           "2019: 1.21 times a layer in the norm, 46 times over 20 layers), "
           "while He's rule keeps a plain ReLU network's gradients level. So in a very deep network without "
           "skip connections the claim is false for ReLU as far as gradients at the start go, and the plain "
           "arm here has the start that suits it; from PyTorch's default start its gradients vanish. What makes very "
           "deep networks trainable are skips: batch norm works there by making a residual block begin near the "
           "identity, and SkipInit does as much without any norm up to 1,000 layers (De and Smith 2020). "
           "The rates come from a short list, and training is short: a network that is slow to begin counts as bad.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    const std::vector<double> rates =
        scale.quick ? std::vector{0.01, 0.1} : std::vector{0.001, 0.003, 0.01, 0.03, 0.1};
    std::vector<Job> jobs;
    for (const auto& cell : grid(scale, scale.first_seed))
      for (const auto& settings : tuning_settings(scale, cell, rates))
        jobs.push_back(job_for(scale, settings, run_depth));
    return jobs;
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      for (const auto& cell : grid(scale, seed)) {
        const auto& depth = cell.factors.at("depth");
        const auto same_cell = of_cell(cell.model, cell.factors.at("activation"), depth);
        const double tuned = tuned_rate(scale.tuning, same_cell);
        if (depth == judged_depth)
          add_at_both_rates(jobs, scale, cell, tuned, run_depth);
        else
          add_at_tuned_rate(jobs, scale, cell, tuned, run_depth);
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const std::string relu = name_of(Activation::relu);
    std::vector<Finding> findings;
    findings.push_back(
        accuracy_finding(runs, relu, "plain", "A deep ReLU network trains better with batch norm."));
    for (const char* activation : {"sigmoid", "tanh"})
      findings.push_back(
          accuracy_finding(runs, activation, "plain",
                           fmt::format("A deep network with {} trains better with batch norm.", activation)));
    findings.push_back(accuracy_finding(
        runs, relu, "ln", "A deep ReLU network trains better with batch norm than with layer norm."));
    findings.push_back(accuracy_finding(
        runs, relu, "skip-init",
        "A deep ReLU network trains better with batch norm than as a residual one without norm."));
    for (const auto activation : activations) findings.push_back(spread_finding(runs, name_of(activation)));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return depth_figures(runs);
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return depth_tables(runs);
  }

 private:
  // One seed's networks, at the common rate.
  [[nodiscard]] std::vector<RunSettings> grid(const StudyScale& scale, std::uint64_t seed) const {
    const std::vector<int> depths =
        scale.quick ? std::vector{2, judged_depth} : std::vector{2, 10, judged_depth, 40};
    const std::int64_t most_images = scale.quick ? 8000 : 12000;
    std::vector<RunSettings> all;
    for (const auto activation : activations) {
      for (const int depth : depths) {
        for (const char* model : depth_arms) {
          auto settings = settings_for(*this, scale, model, seed);
          settings.factors = {{"activation", name_of(activation)}, {"depth", depth}};
          settings.hidden.assign(static_cast<std::size_t>(depth), width);
          settings.limit = scale.limit > 0 ? std::min(scale.limit, most_images) : most_images;
          settings.epochs = scale.quick ? 1 : 2;
          all.push_back(std::move(settings));
        }
      }
    }
    return all;
  }

  // In the judged depth, at tuned rates: by seed, a number of one arm less that of another.
  static std::vector<double> differences(std::span<const RunResult> runs, const std::string& activation,
                                         const std::string& arm, const std::string& other,
                                         const RunValue& value) {
    const auto of = [&](const std::string& model) {
      return by_seed(runs, of_cell(model, activation, judged_depth) && at_tuned_rates(), value);
    };
    return pairwise(of(arm), of(other), [](double a, double b) { return a - b; });
  }

  static Finding accuracy_finding(std::span<const RunResult> runs, const std::string& activation,
                                  const std::string& other, std::string claim) {
    return tools::judge({.name = fmt::format("final accuracy, batch norm - {}, {}, {} layers",
                                             label_of(other), activation, judged_depth),
                         .claim = std::move(claim),
                         .unit = "points",
                         .least = 5.0},
                        differences(runs, activation, "bn", other, depth_accuracy));
  }

  static Finding spread_finding(std::span<const RunResult> runs, const std::string& activation) {
    return tools::judge(
        {.name = fmt::format("spread of the layers' gradients, plain - batch norm, {}, {} layers", activation,
                             judged_depth),
         .claim = fmt::format("Gradients of a deep network with {} spread less over the layers.", activation),
         .unit = "decades",
         .least = 1.0},
        differences(runs, activation, "plain", "bn", gradient_spread));
  }
};

}  // namespace

std::unique_ptr<Study> depth_study() {
  return std::make_unique<DepthStudy>();
}

}  // namespace keel::tools
