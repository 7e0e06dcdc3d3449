#include "keel/tools/bench/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/bench/floor.hpp"
#include "keel/tools/bench/torch_step.hpp"
#include "keel/tools/system/turns.hpp"

namespace keel::tools {
namespace {

// A rate of nearly nothing: the same arithmetic, and noise can't be learned into infinity.
constexpr double idle_rate = 1e-6;

// A network with everything that its step needs.
class Work {
 public:
  Work(const BenchCase& bench_case, const NoiseBatch& batch, double learning_rate)
      : batch_(batch),
        training_(bench_case.training),
        model_(bench_case.network),
        sgd_({.learning_rate = learning_rate, .momentum = 0.9}) {
    initialize(model_, Rng{1});
  }

  std::vector<float> run() {
    if (training_) return {static_cast<float>(step_(batch_.images, batch_.labels))};
    const auto logits = infer_(batch_.images).data<float>();
    return {logits.begin(), logits.end()};
  }

  [[nodiscard]] std::function<void()> contender() {
    if (training_) return [this] { step_(batch_.images, batch_.labels); };
    return [this] { infer_(batch_.images); };
  }

  // The trained parameters.
  [[nodiscard]] std::vector<Tensor> parameters() {
    std::vector<Tensor> result;
    for (const auto& [path, parameter] : keel::parameters(model_)) {
      if (parameter->kind() == Parameter::Kind::trained) result.push_back(parameter->value());
    }
    return result;
  }

 private:
  const NoiseBatch& batch_;
  bool training_;
  Mlp model_;
  Sgd sgd_;
  TrainingStep<Mlp, Sgd, decltype(&cross_entropy)> step_{model_, sgd_, &cross_entropy};
  Inference<Mlp> infer_{model_};
};

// Three steps from the same weights must come to the same, or the times are of different work.
void require_same_work(const BenchCase& bench_case, const NoiseBatch& batch) {
  // A deep net with batch norm has gradients that grow by half a layer: at a real rate, rounding errors
  // would.
  const double rate = bench_case.network.hidden.size() > 10 ? 1e-9 : 0.01;
  Work work{bench_case, batch, rate};
  const auto torch = make_torch_step(bench_case, work.parameters(), batch, rate);
  for (int step = 1; step <= 3; ++step) {
    const auto ours = work.run();
    torch.run();
    const auto theirs = torch.result();
    float largest = 0.0F;
    for (const float value : ours) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (theirs.size() == ours.size() && std::abs(ours[i] - theirs[i]) <= 1e-4F * largest) continue;
      throw Error{fmt::format("libtorch computes something else: {} at batch {}, step {}: {} here, {} there",
                              bench_case.model, bench_case.batch_size, step, ours[i],
                              i < theirs.size() ? theirs[i] : NAN)};
    }
  }
}

PairedRatio paired_ratio(std::span<const double> numerators, std::span<const double> denominators) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < numerators.size(); ++i) ratios.push_back(numerators[i] / denominators[i]);
  std::ranges::sort(ratios);
  const auto tenth = ratios.size() / 10;
  return {ratios[ratios.size() / 2], ratios[tenth], ratios[ratios.size() - 1 - tenth]};
}

}  // namespace

Measurement measure(const BenchCase& bench_case, int rounds, bool against_torch) {
  const NoiseBatch batch{bench_case.batch_size, bench_case.network};
  Work work{bench_case, batch, idle_rate};
  const Floor floor{bench_case.network, bench_case.batch_size, bench_case.training};
  std::vector<std::function<void()>> contenders{work.contender(), [&floor] { floor.run(); }};
  if (against_torch) {
    require_same_work(bench_case, batch);
    contenders.push_back(make_torch_step(bench_case, work.parameters(), batch, idle_rate).run);
  }
  const auto samples = time_in_turns(contenders, rounds);
  Measurement result{.step_us = median(samples[0]),
                     .floor_us = median(samples[1]),
                     .ratio = paired_ratio(samples[0], samples[1]),
                     .torch_us = {},
                     .torch_ratio = {}};
  if (against_torch) {
    result.torch_us = median(samples[2]);
    result.torch_ratio = paired_ratio(samples[0], samples[2]);
  }
  return result;
}

}  // namespace keel::tools
