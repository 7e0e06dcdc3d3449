// Does batch norm keep gradients from vanishing and exploding, and does it allow deeper networks?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/probe.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array activations{Activation::sigmoid, Activation::tanh, Activation::relu};
constexpr std::int64_t width = 64;
constexpr int deep = 20;                   // from here on a network counts as deep
constexpr std::array looked_at{0, 1, 10};  // steps after which gradients are measured

// What one would use without batch norm: the strongest plain arm.
InitializerRule weights_for(Activation activation) {
  return activation == Activation::relu ? initializers::kaiming_normal() : initializers::xavier_normal();
}

std::string gradient_name(std::int64_t step) {
  return fmt::format("gradient_norms_after_{}", step);
}

std::optional<RunResult> run_depth(Activation activation, const RunSettings& settings,
                                   const RunContext& context) {
  auto options = network_for(context.data, settings);
  options.activation = activation;
  options.weights = weights_for(activation);
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
    auto& norms = loop.measures()[gradient_name(step)];
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

// By how many decades the gradients of the hidden layers' weights differ before the first step, the first
// layer left out, which alone sees the image. A gradient of exactly 0 counts as the smallest float.
double gradient_spread(const RunResult& run) {
  const auto norms = series(run, gradient_name(0));
  if (norms.size() < 3) return std::nan("");
  const auto hidden = norms.subspan(1, norms.size() - 2);
  if (std::ranges::any_of(hidden, [](double value) { return std::isnan(value); })) return std::nan("");
  constexpr double smallest = 1.4e-45;
  const auto [low, high] = std::ranges::minmax(hidden);
  return std::log10(std::max(high, smallest) / std::max(low, smallest));
}

class DepthStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "depth"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization mitigates vanishing and exploding gradients and enables deeper networks.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Networks of 2 to 40 hidden layers of 64 units with sigmoid, tanh and ReLU, started by Xavier's "
           "rule (ReLU: He's), biases zero; SGD, learning rate 0.01, momentum 0.9, batch 64. The norm of the "
           "gradient of each layer's weights on one fixed batch before the first step and after steps 1 and "
           "10, and the final validation accuracy. Judged per activation on the networks of 20 and 40 "
           "layers: "
           "by how many decades the gradients of their hidden layers spread before the first step, and how "
           "well they train.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "At initialization batch norm with ReLU itself makes gradients explode: their square grows by "
           "pi/(pi-1) = 1.47 a layer towards the input, whatever the scale of the weights (Yang et al. "
           "2019), "
           "while He's rule keeps a plain ReLU network's gradients level. So in a very deep network without "
           "skip connections the claim is false for ReLU as far as gradients at the start go, and the plain "
           "arm here has the start that suits it; from PyTorch's default start its gradients vanish. "
           "Gradients shape training only as far as the rate does: one learning rate is used throughout.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    const std::vector<int> depths = scale.quick ? std::vector{2, 20} : std::vector{2, 5, 10, 20, 40};
    for (const auto activation : activations) {
      for (const int depth : depths) {
        for (const auto seed : seeds_of(scale)) {
          for (const char* model : {"plain", "bn"}) {
            auto settings = settings_for(*this, scale, model, seed);
            settings.factors = {{"activation", name_of(activation)}, {"depth", depth}};
            settings.hidden.assign(static_cast<std::size_t>(depth), width);
            settings.epochs = 1;
            jobs.push_back(job_for(scale, settings, [activation](const RunSettings& s, const RunContext& c) {
              return run_depth(activation, s, c);
            }));
          }
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<Finding> findings;
    findings.push_back(
        tools::judge({.name = "accuracy of deep networks, batch norm - plain, mean of all three",
                      .claim = "Deep networks train better with batch norm.",
                      .unit = "points",
                      .least = 5.0},
                     accuracy_gains(runs, [](const RunResult&) { return true; })));
    for (const auto activation : activations) {
      const auto name = name_of(activation);
      const auto filter = with_factor("activation", name);
      findings.push_back(
          tools::judge({.name = fmt::format("accuracy of deep networks, batch norm - plain, {}", name),
                        .claim = fmt::format("Deep networks with {} train better with batch norm.", name),
                        .unit = "points",
                        .least = 5.0},
                       accuracy_gains(runs, filter)));
      findings.push_back(tools::judge(
          {.name = fmt::format("spread of the layers' gradients, plain - batch norm, {}", name),
           .claim = fmt::format("Gradients of deep networks with {} spread less over the layers.", name),
           .unit = "decades",
           .least = 1.0},
          gains(runs, filter, gradient_spread, -1.0)));
    }
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    std::vector<Figure> figures;
    for (const auto& activation : levels_of(runs, "activation")) {
      const auto filter = with_factor("activation", activation);
      figures.push_back(accuracy_figure(runs_of(runs, filter), activation.word()));
    }
    for (const auto& activation : levels_of(runs, "activation")) {
      const auto filter = with_factor("activation", activation);
      figures.push_back(gradient_figure(runs_of(runs, filter), activation.word()));
    }
    return figures;
  }

 private:
  static bool is_deep(const RunResult& run) { return run.settings.factors.at("depth").whole() >= deep; }

  // By seed, the mean difference between the arms over the deep networks that pass, bn - plain times `sign`.
  static std::vector<double> gains(std::span<const RunResult> runs, const RunFilter& filter,
                                   const RunValue& value, double sign) {
    std::vector<double> result;
    for (const auto seed : seeds_of(runs)) {
      double sum = 0.0;
      double bn = 0.0;
      double plain = 0.0;
      for (const auto& run : runs) {
        if (run.settings.seed != seed || !is_deep(run) || !filter(run)) continue;
        const bool is_bn = run.settings.model == "bn";
        sum += (is_bn ? sign : -sign) * value(run);
        (is_bn ? bn : plain) += 1.0;
      }
      if (bn > 0.0 && bn == plain) result.push_back(sum / bn);
    }
    return result;
  }

  static std::vector<double> accuracy_gains(std::span<const RunResult> runs, const RunFilter& filter) {
    return gains(
        runs, filter, [](const RunResult& run) { return 100.0 * final_accuracy(run); }, 1.0);
  }

  static Figure accuracy_figure(std::span<const RunResult> runs, const std::string& activation) {
    Figure figure{.title = fmt::format("Final validation accuracy by depth, {}", activation),
                  .x = {.name = "hidden layers", .logarithmic = true},
                  .y = {.name = "validation accuracy (%)", .low = 0.0, .high = 100.0}};
    for (const char* model : {"plain", "bn"}) {
      Series series{.arm = model, .label = label_of(model)};
      for (const auto& depth : levels_of(runs, "depth")) {
        series.points.push_back(
            point_at(depth.number(), by_seed(runs, of_model(model) && with_factor("depth", depth),
                                             [](const auto& run) { return 100.0 * final_accuracy(run); })));
      }
      figure.series.push_back(std::move(series));
    }
    return figure;
  }

  // Of the deepest networks: geometric means over the seeds.
  static Figure gradient_figure(std::span<const RunResult> runs, const std::string& activation) {
    Factor deepest = 0;
    for (const auto& depth : levels_of(runs, "depth"))
      if (depth.whole() > deepest.whole()) deepest = depth;
    Figure figure{
        .title = fmt::format("Gradient of each layer's weights, {}, {} layers", activation, deepest.whole()),
        .x = {.name = "layer, from the input"},
        .y = {.name = "norm of the gradient", .logarithmic = true}};
    for (const char* model : {"plain", "bn"}) {
      for (const int step : {0, 10}) {
        Series line{
            .arm = model,
            .label = fmt::format("{}, {}", label_of(model), step == 0 ? "at the start" : "after 10 steps"),
            .dashed = step != 0,
            .marked = false};
        std::map<std::size_t, std::vector<double>> by_layer;
        for (const auto& run : runs_of(runs, of_model(model) && with_factor("depth", deepest))) {
          const auto norms = series(run, gradient_name(step));
          for (std::size_t i = 0; i < norms.size(); ++i)
            if (norms[i] > 0.0 && std::isfinite(norms[i])) by_layer[i + 1].push_back(std::log(norms[i]));
        }
        for (const auto& [layer, logarithms] : by_layer) {
          auto point = point_at(static_cast<double>(layer), logarithms);
          point.y = std::exp(point.y);
          if (point.low) point.low = std::exp(*point.low);
          if (point.high) point.high = std::exp(*point.high);
          line.points.push_back(point);
        }
        figure.series.push_back(std::move(line));
      }
    }
    return figure;
  }
};

}  // namespace

std::unique_ptr<Study> depth_study() {
  return std::make_unique<DepthStudy>();
}

}  // namespace keel::tools
