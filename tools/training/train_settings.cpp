#include "keel/tools/training/train_settings.hpp"

#include <algorithm>

#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

std::variant<Sgd, Adam> make_optimizer(const TrainSettings& settings) {
  if (settings.optimizer == "sgd")
    return Sgd{{.learning_rate = settings.learning_rate,
                .momentum = settings.momentum,
                .weight_decay = settings.weight_decay,
                .clip_norm = settings.clip}};
  return Adam{{.learning_rate = settings.learning_rate,
               .weight_decay = settings.weight_decay,
               .decoupled = settings.optimizer == "adamw",
               .clip_norm = settings.clip}};
}

}  // namespace

Json to_json(const TrainSettings& settings) {
  Json json{{"network", text_of(settings.network)},
            {"optimizer", settings.optimizer},
            {"learning-rate", settings.learning_rate},
            {"momentum", settings.optimizer == "sgd" ? Json(settings.momentum) : Json(nullptr)},
            {"weight-decay", settings.weight_decay},
            {"clip", settings.clip ? Json(*settings.clip) : Json(nullptr)},
            {"schedule", settings.schedule},
            {"warm-up", settings.warm_up},
            {"epochs", settings.epochs},
            {"batch-size", settings.batch_size},
            {"patience", settings.patience},
            {"seed", settings.seed},
            {"limit", settings.limit}};
  if (settings.synchronized) json["norm"] = "sync-batch";
  if (settings.shards > 0) json["shards"] = settings.shards;
  return json;
}

Schedule schedule_of(const TrainSettings& settings, std::int64_t steps) {
  const auto rest = steps - settings.warm_up;
  auto schedule = constant_schedule(settings.learning_rate);
  if (settings.schedule == "step")
    schedule = step_schedule(settings.learning_rate, std::max<std::int64_t>(1, (rest + 2) / 3), 0.1);
  if (settings.schedule == "cosine") schedule = cosine_schedule(settings.learning_rate, rest);
  return settings.warm_up > 0 ? warm_up(settings.warm_up, std::move(schedule)) : schedule;
}

ChosenOptimizer::ChosenOptimizer(const TrainSettings& settings) : optimizer_(make_optimizer(settings)) {}

ChosenOptimizer optimizer_of(const RunSettings& run) {
  TrainSettings settings;
  settings.optimizer = run.optimizer;
  settings.learning_rate = run.learning_rate;
  settings.momentum = run.momentum;
  settings.weight_decay = run.weight_decay;
  return ChosenOptimizer{settings};
}

double ChosenOptimizer::learning_rate() const {
  return std::visit([](const auto& optimizer) { return optimizer.learning_rate(); }, optimizer_);
}

void ChosenOptimizer::set_learning_rate(double rate) {
  std::visit([&](auto& optimizer) { optimizer.set_learning_rate(rate); }, optimizer_);
}

void ChosenOptimizer::update(std::span<const Var> parameters, std::span<const Var> grads,
                             const SourceLocation& where) {
  std::visit([&](auto& optimizer) { optimizer.update(parameters, grads, where); }, optimizer_);
}

std::vector<OptimizerState> ChosenOptimizer::state(std::span<const NamedParameter> parameters) {
  return std::visit([&](auto& optimizer) { return optimizer.state(parameters); }, optimizer_);
}

}  // namespace keel::tools
