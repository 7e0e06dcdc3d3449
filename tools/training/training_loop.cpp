#include "keel/tools/training/training_loop.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "keel/graph/converted.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/parameter.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

std::int64_t count_trained(std::span<const NamedParameter> parameters) {
  std::int64_t count = 0;
  for (const auto& [path, parameter] : parameters)
    if (parameter->kind() == Parameter::Kind::trained) count += parameter->shape().elements();
  return count;
}

// Whatever the model, so that all train on the same images.
Split trainable(Split split, std::int64_t batch_size) {
  const auto count = without_a_last_one(std::ssize(split.training), batch_size);
  split.training.resize(static_cast<std::size_t>(count));
  return split;
}

// Of a model in f64, the images are as they would be in f32, and all that is computed of them is not.
EpochPass::Step in_precision(EpochPass::Step step, DType precision) {
  if (precision == DType::f32) return step;
  return [step = std::move(step), precision](const Tensor& images, const Tensor& labels) {
    return step(converted(images, precision), labels);
  };
}

void diverge(RunResult& run, std::string reason) {
  run.diverged = true;
  run.divergence = std::move(reason);
}

}  // namespace

TrainingLoop::TrainingLoop(const RunSettings& settings, const RunContext& context,
                           const std::vector<NamedParameter>& parameters, Step step,
                           const Evaluator::Model& model)
    : data_(context.data),
      stop_(context.stop),
      after_epoch_(context.after_epoch),
      rng_(settings.seed),
      split_(trainable(tools::split(context.data.train.size(), settings.limit, rng_), settings.batch_size)),
      step_(in_precision(std::move(step), settings.precision)),
      evaluate_(model, 1000, Mode::inference, settings.precision),
      pass_(context.data.train, split_.training, settings.batch_size) {
  initialize(std::span{parameters}, rng_.stream("weights"), settings.precision);
  if (!settings.study.empty()) health_.emplace(model, parameters, settings.precision);
  result_.settings = settings;
  result_.parameters = count_trained(parameters);
}

Evaluation TrainingLoop::look() {
  if (!looked_ || looked_->first != steps_) looked_ = {steps_, validate()};
  return looked_->second;
}

void TrainingLoop::train(const AfterStep& after_step) {
  for (int number = 1; number <= result_.settings.epochs && !ended(); ++number) {
    epoch_ = EpochResult{.epoch = number};
    train_epoch(after_step);
    if (stop_.stop_requested()) return;
    epoch_->validation = look();
    result_.epochs.push_back(*epoch_);
    epoch_.reset();
    if (after_epoch_) after_epoch_(result_.epochs.back());
  }
}

void TrainingLoop::train_epoch(const AfterStep& after_step) {
  using Clock = std::chrono::steady_clock;
  pass_.begin(rng_, epoch_->epoch);
  auto resumed = Clock::now();
  const auto pause = [&] {
    const double seconds = std::chrono::duration<double>(Clock::now() - resumed).count();
    epoch_->seconds += seconds;
    training_seconds_ += seconds;
  };
  while (!pass_.done() && !ended()) {
    ++epoch_->steps;
    ++steps_;
    const double loss = pass_.step([&](const Tensor& images, const Tensor& labels) {
      if (health_ && is_health_due(steps_)) {
        pause();
        look_at_health(images, labels);
        resumed = Clock::now();
      }
      return try_step(images, labels);
    });
    epoch_->train_loss = pass_.loss();
    if (!after_step || result_.diverged) continue;
    pause();
    enough_ = !after_step(steps_, loss);
    resumed = Clock::now();
  }
  pause();
}

void TrainingLoop::look_at_health(const Tensor& images, const Tensor& labels) {
  record_health(health_->look(images, labels), result_.measures);
}

double TrainingLoop::try_step(const Tensor& images, const Tensor& labels) {
  const auto place = [&] { return fmt::format("in epoch {}, step {}", epoch_->epoch, epoch_->steps); };
  try {
    const double loss = step_(images, labels);
    if (!std::isfinite(loss)) diverge(result_, fmt::format("the loss was {} {}", loss, place()));
    return loss;
  } catch (const NonFiniteError& error) {
    diverge(result_, fmt::format("{}: {}", place(), error.what()));
    return std::nan("");
  }
}

void TrainingLoop::conclude(RunResult& result) {
  if (result.diverged) return;
  result.test = test();
  const double guessing = std::log(data_.classes);
  const double loss = result.epochs.empty() ? guessing : result.epochs.back().train_loss;
  if (!(loss < guessing))
    result.not_learned =
        fmt::format("the final loss {} is not below that of guessing, {:.4f}", cell_text(loss, 4), guessing);
}

std::optional<RunResult> TrainingLoop::finish() {
  if (stop_.stop_requested()) return std::nullopt;
  conclude(result_);
  return std::move(result_);
}

RunResult TrainingLoop::result_so_far() {
  auto result = result_;
  if (epoch_) {
    result.epochs.push_back(*epoch_);
    result.epochs.back().validation = look();
  }
  conclude(result);
  return result;
}

}  // namespace keel::tools
