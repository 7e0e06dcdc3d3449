#include "keel/tools/training_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "keel/models/initialize.hpp"
#include "keel/models/mlp.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/tools/batches.hpp"

namespace keel::tools {
namespace {

constexpr std::int64_t evaluation_batch = 1000;

MlpOptions model_options(const RunSettings& settings, const DataSet& data) {
  return {.inputs = data.train.height * data.train.width,
          .hidden = settings.hidden,
          .classes = data.classes,
          .batch_norm = settings.model == "bn"};
}

std::int64_t count_trained(Mlp& model) {
  std::int64_t count = 0;
  for (const auto& [path, parameter] : parameters(model)) {
    if (parameter->kind() == Parameter::Kind::trained) count += parameter->shape().elements();
  }
  return count;
}

// Loss and accuracy over a set, in inference mode.
class Evaluator {
 public:
  explicit Evaluator(Mlp& model)
      : function_(Mode::inference, [&model](Tape&, std::span<const Var> inputs) -> std::vector<Var> {
          const Var logits = model(inputs[0]);
          return {logits, cross_entropy(logits, inputs[1])};
        }) {}

  Evaluation operator()(const ImageSet& set, std::span<const std::int32_t> indices) {
    BatchGatherer batch{set, evaluation_batch};
    double loss = 0.0;
    std::int64_t correct = 0;
    for (std::size_t begin = 0; begin < indices.size(); begin += evaluation_batch) {
      const auto part =
          indices.subspan(begin, std::min<std::size_t>(evaluation_batch, indices.size() - begin));
      batch.gather(part);
      const std::array inputs{batch.images(), batch.labels()};
      const Plan& plan = function_(inputs);
      correct += count_correct(plan.output(0), batch.labels());
      loss += static_cast<double>(plan.output(1).data<float>()[0]) * static_cast<double>(part.size());
    }
    const auto count = static_cast<double>(indices.size());
    return {loss / count, static_cast<double>(correct) / count};
  }

 private:
  static std::int64_t count_correct(const Tensor& logits, const Tensor& labels) {
    const auto classes = static_cast<std::size_t>(logits.shape()[1]);
    const auto scores = logits.data<float>();
    const auto expected = labels.data<std::int32_t>();
    std::int64_t correct = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto row = scores.subspan(i * classes, classes);
      if (std::ranges::max_element(row) - row.begin() == expected[i]) ++correct;
    }
    return correct;
  }

  CompiledFunction function_;
};

class Run {
 public:
  Run(const RunSettings& settings, const DataSet& data)
      : settings_(settings),
        data_(data),
        rng_(settings.seed),
        split_(split(data.train.size(), settings.limit, rng_)),
        model_(model_options(settings, data)),
        sgd_({.learning_rate = settings.learning_rate, .momentum = settings.momentum}),
        step_(model_, sgd_, cross_entropy),
        evaluate_(model_),
        batch_(data.train, settings.batch_size) {
    initialize(model_, rng_.stream("weights"));
    result_.settings = settings;
    result_.parameters = count_trained(model_);
  }

  std::optional<RunResult> operator()(const std::function<void(const EpochResult&)>& after_epoch,
                                      const std::stop_token& stop) {
    for (int epoch = 1; epoch <= settings_.epochs && !result_.diverged; ++epoch) {
      EpochResult result{.epoch = epoch};
      train_epoch(result, stop);
      if (stop.stop_requested()) return std::nullopt;
      result.validation = evaluate_(data_.train, split_.validation);
      result_.epochs.push_back(result);
      after_epoch(result);
    }
    finish();
    return std::move(result_);
  }

 private:
  void train_epoch(EpochResult& result, const std::stop_token& stop) {
    auto order = split_.training;
    rng_.stream("order", static_cast<std::uint64_t>(result.epoch)).shuffle(std::span{order});
    const auto started = std::chrono::steady_clock::now();
    const auto size = static_cast<std::size_t>(settings_.batch_size);
    double sum = 0.0;
    for (std::size_t begin = 0; begin < order.size() && !result_.diverged && !stop.stop_requested();
         begin += size) {
      const auto part = std::span{order}.subspan(begin, std::min(size, order.size() - begin));
      batch_.gather(part);
      ++result.steps;
      const double loss = try_step(result);
      sum += loss * static_cast<double>(part.size());
    }
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    result.train_loss = sum / static_cast<double>(order.size());
  }

  double try_step(const EpochResult& at) {
    const auto place = [&] { return fmt::format("in epoch {}, step {}", at.epoch, at.steps); };
    try {
      const double loss = step_(batch_.images(), batch_.labels());
      if (!std::isfinite(loss)) diverge(fmt::format("the loss was {} {}", loss, place()));
      return loss;
    } catch (const NonFiniteError& error) {
      diverge(fmt::format("{}: {}", place(), error.what()));
      return std::nan("");
    }
  }

  void diverge(std::string reason) {
    result_.diverged = true;
    result_.divergence = std::move(reason);
  }

  void finish() {
    if (result_.diverged) return;
    std::vector<std::int32_t> all(static_cast<std::size_t>(data_.test.size()));
    std::iota(all.begin(), all.end(), 0);
    result_.test = evaluate_(data_.test, all);
    const double guessing = std::log(data_.classes);
    const double loss = result_.epochs.back().train_loss;
    if (!(loss < guessing)) {
      diverge(fmt::format("the final loss {:.4f} is not below that of guessing, {:.4f}", loss, guessing));
    }
  }

  RunSettings settings_;
  const DataSet& data_;
  Rng rng_;
  Split split_;
  Mlp model_;
  Sgd sgd_;
  TrainingStep<Mlp, Sgd, decltype(&cross_entropy)> step_;
  Evaluator evaluate_;
  BatchGatherer batch_;
  RunResult result_;
};

}  // namespace

std::optional<RunResult> train(const RunSettings& settings, const DataSet& data,
                               const std::function<void(const EpochResult&)>& after_epoch,
                               const std::stop_token& stop) {
  return Run{settings, data}(after_epoch, stop);
}

}  // namespace keel::tools
