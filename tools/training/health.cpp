#include "keel/tools/training/health.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "keel/graph/converted.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/ops/clip.hpp"
#include "keel/ops/cross_entropy.hpp"

namespace keel::tools {
namespace {

constexpr std::int64_t steps_between_looks = 100;
constexpr double infinite = std::numeric_limits<double>::infinity();

double setting(const Operator& op, std::string_view name) {
  for (const auto& attribute : op.attributes())
    if (attribute.name == name) return attribute.numbers.front();
  return 0.0;
}

bool takes_batch_statistics(const Operator& op) {
  return op.name() == "batch_norm" && setting(op, "given_statistics") == 0.0;
}

template <class Float>
double smallest_of(const Tensor& values) {
  double smallest = infinite;
  for (const double value : values.data<Float>())
    smallest = std::isnan(value) ? value : std::min(smallest, value);
  return smallest;
}

double smallest_in(const Tensor& values) {
  return values.dtype() == DType::f64 ? smallest_of<double>(values) : smallest_of<float>(values);
}

// NaN counts as the largest.
void keep_largest(double value, std::vector<double>& measure) {
  if (!std::isfinite(value)) value = infinite;
  if (measure.empty())
    measure = {value};
  else
    measure[0] = std::max(measure[0], value);
}

}  // namespace

HealthProbe::HealthProbe(Evaluator::Model model, std::vector<NamedParameter> parameters, DType precision)
    : model_(std::move(model)),
      parameters_(std::move(parameters)),
      precision_(precision),
      function_(Mode::training, [this](Tape& tape, std::span<const Var> inputs) {
        return record(tape, inputs[0], inputs[1]);
      }) {}

std::vector<Var> HealthProbe::record(Tape& tape, const Var& images, const Var& labels) {
  tape.restrict_changes([](const Tensor&) { return false; });
  std::vector<Var> trained;
  for (const auto& [path, parameter] : parameters_)
    if (parameter->kind() == Parameter::Kind::trained && !parameter->frozen())
      trained.push_back(tape.stored(parameter->value(), path));
  const Var loss = cross_entropy(model_(images), labels);
  std::vector<Var> results;
  epsilons_.clear();
  for (const auto& node : tape.program().nodes) {
    if (!takes_batch_statistics(*node.op)) continue;
    results.push_back(tape.var(node.outputs.at(2)));
    epsilons_.push_back(setting(*node.op, "epsilon"));
  }
  results.push_back(clip_by_norm(gradients(loss, trained), infinite).norm);
  return results;
}

HealthLook HealthProbe::look(const Tensor& images, const Tensor& labels) {
  const StatisticsGuard guard{parameters_};
  const std::array inputs{converted(images, precision_), labels};
  const Plan& plan = function_(inputs);
  HealthLook look{.gradient_norm = plan.output(epsilons_.size()).data<double>()[0]};
  for (std::size_t i = 0; i < epsilons_.size(); ++i) {
    const double ratio = smallest_in(plan.output(i)) / epsilons_[i];
    auto& smallest = look.smallest_variance_over_epsilon;
    if (!smallest || std::isnan(ratio) || ratio < *smallest) smallest = ratio;
  }
  return look;
}

bool is_health_due(std::int64_t step) {
  return step % steps_between_looks == 1;
}

void record_health(const HealthLook& look, Measures& measures) {
  keep_largest(look.gradient_norm, measures[largest_gradient_measure]);
  if (!look.smallest_variance_over_epsilon) return;
  const double ratio = *look.smallest_variance_over_epsilon;
  auto& smallest = measures[smallest_variance_measure];
  smallest = {smallest.empty() || !(ratio >= smallest[0]) ? ratio : smallest[0]};
  if (!(ratio >= 1.0)) keep_largest(look.gradient_norm, measures[gradient_below_epsilon_measure]);
}

}  // namespace keel::tools
