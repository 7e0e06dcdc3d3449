#include "keel/tools/studies/timed_start.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "keel/models/fold.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/outside_program.hpp"
#include "keel/tools/system/turns.hpp"
#include "keel/tools/training/network.hpp"

namespace keel::tools {
namespace {

using Contenders = std::vector<std::function<void()>>;

struct MadeUpBatch {
  MadeUpBatch(const TimedStart& start, std::int64_t size)
      : images(Shape{size, start.inputs}), labels(Shape{size}, DType::s32) {
    Rng rng = Rng{start.seed}.stream("images");
    for (float& pixel : images.data<float>()) pixel = static_cast<float>(rng.uniform(-1.0, 1.0));
    for (auto& label : labels.data<std::int32_t>())
      label = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(start.classes)));
  }

  Tensor images;
  Tensor labels;
};

Network started_network(const TimedStart& start, Norm norm) {
  Network network{{.inputs = start.inputs, .hidden = start.hidden, .classes = start.classes, .norm = norm}};
  initialize(network, Rng{start.seed}.stream("weights"));
  return network;
}

// Medians of times and of the ratios of times taken in the same round, for arms by name.
void time_arms(const std::vector<std::string>& arms, const Contenders& contenders, int rounds,
               Measures& measures) {
  const auto times = time_in_turns(contenders, rounds);
  for (std::size_t i = 0; i < arms.size(); ++i) {
    measures[arms[i] + "_seconds"].push_back(1e-6 * median(times[i]));
    for (std::size_t j = 0; j < i; ++j) {
      const bool downwards = arms[i] == "folded" && arms[j] == "bn";  // as a saving: more than 1
      const auto [over, under] = downwards ? std::pair{j, i} : std::pair{i, j};
      measures[fmt::format("{}_over_{}_seconds", arms[over], arms[under])].push_back(
          median_ratio(times[over], times[under]));
    }
  }
}

void time_inference(const TimedStart& start, std::int64_t batch_size, Measures& measures) {
  const MadeUpBatch batch{start, batch_size};
  auto plain = started_network(start, Norm::none);
  auto bn = started_network(start, Norm::batch);
  Inference<Network> plain_inference{plain};
  Inference<Network> bn_inference{bn};
  auto folded = fold_batch_norm(bn, batch.images.type());
  time_arms({"plain", "bn", "folded"},
            {[&] { plain_inference(batch.images); }, [&] { bn_inference(batch.images); },
             [&] { folded(batch.images); }},
            start.rounds, measures);
}

// A training step that can be called again and again on one batch.
class TimedStep {
 public:
  TimedStep(const TimedStart& start, std::int64_t batch_size, Norm norm)
      : network_(started_network(start, norm)),
        sgd_({.learning_rate = 0.01, .momentum = 0.9}),
        step_(network_, sgd_, cross_entropy),
        batch_(start, batch_size) {}

  void operator()() { step_(batch_.images, batch_.labels); }

  // What is counted, not timed.
  void count(const std::string& arm, Measures& measures) {
    double trained = 0.0;
    double state = 0.0;
    for (const auto& [path, parameter] : keel::parameters(network_))
      (parameter->kind() == Parameter::Kind::trained ? trained : state) +=
          static_cast<double>(parameter->shape().elements());
    const Plan& plan = step_.plan(batch_.images, batch_.labels);
    Cost cost;
    for (const auto& step : plan.steps()) {
      cost.flops += step.cost.flops;
      cost.bytes += step.cost.bytes;
    }
    measures[arm + "_parameters"].push_back(trained);
    measures[arm + "_running_statistics"].push_back(state);
    measures[arm + "_kernels"].push_back(static_cast<double>(plan.steps().size()));
    measures[arm + "_product_operations"].push_back(cost.flops);
    measures[arm + "_bytes_touched"].push_back(cost.bytes);
    measures[arm + "_arena_bytes"].push_back(static_cast<double>(plan.arena_bytes()));
  }

 private:
  Network network_;
  Sgd sgd_;
  TrainingStep<Network, Sgd, decltype(&cross_entropy)> step_;
  MadeUpBatch batch_;
};

void time_training(const TimedStart& start, std::int64_t batch_size, Measures& measures) {
  TimedStep plain{start, batch_size, Norm::none};
  TimedStep bn{start, batch_size, Norm::batch};
  plain.count("plain", measures);
  bn.count("bn", measures);
  time_arms({"plain", "bn"}, {[&] { plain(); }, [&] { bn(); }}, start.rounds, measures);
}

std::vector<std::string> words_of(const TimedStart& start, const std::filesystem::path& program) {
  return {program.string(), "measure-start",
          "--what",         start.what,
          "--inputs",       std::to_string(start.inputs),
          "--hidden",       fmt::format("{}", fmt::join(start.hidden, ",")),
          "--classes",      std::to_string(start.classes),
          "--batch-sizes",  fmt::format("{}", fmt::join(start.batch_sizes, ",")),
          "--rounds",       std::to_string(start.rounds),
          "--seed",         std::to_string(start.seed)};
}

}  // namespace

Measures measure_in_this_process(const TimedStart& start) {
  const ThreadLimit one_thread{1};
  Measures measures;
  for (const auto size : start.batch_sizes) {
    if (start.what == "inference") {
      time_inference(start, size, measures);
    } else if (start.what == "training") {
      time_training(start, size, measures);
    } else {
      throw Error{fmt::format("a start of the program measures inference or training, not '{}'", start.what)};
    }
  }
  return measures;
}

std::optional<Measures> measure_in_a_new_process(const TimedStart& start,
                                                 const std::filesystem::path& program,
                                                 const std::stop_token& stop) {
  const auto words = words_of(start, program);
  const auto ended = run_program(words);
  if (stop.stop_requested()) return std::nullopt;
  const auto fail = [&](const std::string& how) {
    throw Error{fmt::format("to measure times, '{}' was to start once more, as '{}', and {}",
                            program.string(), fmt::join(words, " "), how)};
  };
  if (!ended) fail("it is not there");
  if (ended->status != 0) fail(fmt::format("ended with status {}", ended->status));
  Measures measures;
  try {
    const auto printed = parse_json(ended->out, "what it printed");
    for (const auto& [name, values] : printed.items())
      for (const auto& value : values) measures[name].push_back(number_of(value));
  } catch (const std::exception& error) {
    fail(fmt::format("printed no measurements: {}", error.what()));
  }
  return measures;
}

double difference_of_starts(std::span<const double> ratios) {
  double sum = 0.0;
  double pairs = 0.0;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      sum += std::abs(std::log(ratios[i]) - std::log(ratios[j]));
      pairs += 1.0;
    }
  }
  const double factor = std::exp(sum / pairs);
  return std::isfinite(factor) ? factor : 1.0;
}

}  // namespace keel::tools
