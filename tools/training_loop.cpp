#include "keel/tools/training_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace keel::tools {
namespace {

std::int64_t count_trained(std::span<const NamedParameter> parameters) {
  std::int64_t count = 0;
  for (const auto& [path, parameter] : parameters)
    if (parameter->kind() == Parameter::Kind::trained) count += parameter->shape().elements();
  return count;
}

// Batch norm can't train on a last batch of one, so no model does.
void leave_out_a_last_one(std::vector<std::int32_t>& training, std::int64_t batch_size) {
  const auto size = static_cast<std::size_t>(batch_size);
  if (training.size() > 1 && training.size() % size == 1) training.pop_back();
}

}  // namespace

TrainingLoop::TrainingLoop(const RunSettings& settings, const RunContext& context,
                           const std::vector<NamedParameter>& parameters, Step step, Evaluator::Model model)
    : data_(context.data),
      stop_(context.stop),
      after_epoch_(context.after_epoch),
      rng_(settings.seed),
      split_(tools::split(context.data.train.size(), settings.limit, rng_)),
      step_(std::move(step)),
      evaluate_(std::move(model)),
      batch_(context.data.train, settings.batch_size) {
  leave_out_a_last_one(split_.training, settings.batch_size);
  initialize(std::span{parameters}, rng_.stream("weights"));
  result_.settings = settings;
  result_.parameters = count_trained(parameters);
}

std::int64_t TrainingLoop::steps_per_epoch() const {
  const auto size = result_.settings.batch_size;
  return (std::ssize(split_.training) + size - 1) / size;
}

void TrainingLoop::train(const AfterStep& after_step) {
  for (int epoch = 1; epoch <= result_.settings.epochs && !ended(); ++epoch) {
    EpochResult result{.epoch = epoch};
    train_epoch(result, after_step);
    if (stop_.stop_requested()) return;
    result.validation = validate();
    result_.epochs.push_back(result);
    if (after_epoch_) after_epoch_(result);
  }
}

void TrainingLoop::train_epoch(EpochResult& result, const AfterStep& after_step) {
  using Clock = std::chrono::steady_clock;
  auto order = split_.training;
  rng_.stream("order", static_cast<std::uint64_t>(result.epoch)).shuffle(std::span{order});
  const auto size = static_cast<std::size_t>(result_.settings.batch_size);
  double sum = 0.0;
  std::size_t seen = 0;
  auto resumed = Clock::now();
  const auto pause = [&] {
    const double seconds = std::chrono::duration<double>(Clock::now() - resumed).count();
    result.seconds += seconds;
    training_seconds_ += seconds;
  };
  for (; seen < order.size() && !ended(); seen = std::min(seen + size, order.size())) {
    const auto part = std::span{order}.subspan(seen, std::min(size, order.size() - seen));
    batch_.gather(part);
    ++result.steps;
    ++steps_;
    const double loss = try_step(result);
    sum += loss * static_cast<double>(part.size());
    if (!after_step || result_.diverged) continue;
    pause();
    enough_ = !after_step(steps_, loss);
    resumed = Clock::now();
  }
  pause();
  result.train_loss = sum / static_cast<double>(seen);
}

double TrainingLoop::try_step(const EpochResult& at) {
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

void TrainingLoop::diverge(std::string reason) {
  result_.diverged = true;
  result_.divergence = std::move(reason);
}

std::optional<RunResult> TrainingLoop::finish() {
  if (stop_.stop_requested()) return std::nullopt;
  if (!result_.diverged) {
    result_.test = test();
    const double guessing = std::log(data_.classes);
    const double loss = result_.epochs.empty() ? guessing : result_.epochs.back().train_loss;
    if (!(loss < guessing))
      diverge(fmt::format("the final loss {:.4f} is not below that of guessing, {:.4f}", loss, guessing));
  }
  return std::move(result_);
}

}  // namespace keel::tools
