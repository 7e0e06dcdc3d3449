#include "recording.hpp"

#include <fmt/format.h>

#include <limits>

#include "keel/graph/gradients.hpp"
#include "keel/ops/adam.hpp"
#include "keel/ops/clip.hpp"
#include "keel/ops/sgd.hpp"
#include "keel/runtime/error.hpp"
#include "values.hpp"
#include "vocabulary.hpp"

namespace keel::differential {
namespace {

std::vector<std::size_t> unread_steps(const Case& description) {
  std::vector<std::size_t> unread;
  const auto first = description.inputs.size();
  for (std::size_t i = 0; i < description.steps.size(); ++i) {
    bool read = false;
    for (const auto& step : description.steps) {
      for (const auto operand : step.operands) read = read || operand == first + i;
    }
    if (!read) unread.push_back(first + i);
  }
  return unread;
}

// What `find` gives for each of `vars`, stored next to it.
std::vector<Var> state_of(RecordedCase& recording, const Case& description, std::string_view purpose,
                          const std::vector<Var>& vars, ValueKind kind) {
  std::vector<Var> state;
  for (std::size_t i = 0; i < vars.size(); ++i)
    state.push_back(recording.tape->stored(hidden_values(description, purpose, i, vars[i].shape(), kind)));
  return state;
}

void record_update(RecordedCase& recording, const Case& description, const std::vector<Var>& parameters,
                   std::vector<Var> grads) {
  const auto& update = description.update;
  auto& tape = *recording.tape;
  const auto scalar = [&](double value) { return tape.stored(Tensor::of<double>({}, {value})); };
  if (update.max_norm > 0) grads = clip_by_norm(grads, update.max_norm).grads;
  const Var learning_rate = scalar(0.03125);
  const auto moments = state_of(recording, description, "moments", parameters, ValueKind::normal);
  if (update.name == "adam") {
    const auto variances = state_of(recording, description, "variances", parameters, ValueKind::positive);
    AdamSettings settings;
    settings.beta1 = update.momentum;
    settings.weight_decay = update.weight_decay;
    adam_update({parameters, moments, variances, grads}, learning_rate, scalar(2.0), settings);
    return;
  }
  if (update.name != "sgd" && update.name != "nesterov")
    throw Error{fmt::format("a case has no update called '{}'", update.name)};
  SgdSettings settings;
  settings.momentum = update.momentum;
  settings.weight_decay = update.weight_decay;
  settings.nesterov = update.name == "nesterov";
  sgd_update(parameters, moments, grads, learning_rate, settings);
}

void record_gradients(RecordedCase& recording, const Case& description, const std::vector<Var>& results) {
  std::vector<Var> parameters;
  std::vector<Var> wrt;
  for (std::size_t i = 0; i < description.inputs.size(); ++i) {
    const auto& input = description.inputs[i];
    if (input.role == Role::constant || input.values == ValueKind::labels) continue;
    if (input.role == Role::parameter) parameters.push_back(recording.values[i]);
  }
  const auto updated = description.update.name.empty() ? std::size_t{0} : parameters.size();
  wrt = parameters;
  for (std::size_t i = 0; i < description.inputs.size(); ++i) {
    const auto& input = description.inputs[i];
    if (input.role == Role::input && input.values != ValueKind::labels) wrt.push_back(recording.values[i]);
  }
  std::vector<Var> differentiable;
  std::vector<Var> upstream;
  for (const auto& result : results) {
    if (result.dtype() != DType::f32) continue;
    differentiable.push_back(result);
    upstream.push_back(recording.tape->stored(
        hidden_values(description, "upstream", upstream.size(), result.shape(), ValueKind::normal)));
  }
  if (differentiable.empty() || wrt.empty()) return;
  const auto grads = gradients(differentiable, upstream, wrt);
  if (updated > 0)
    record_update(recording, description, parameters,
                  {grads.begin(), grads.begin() + static_cast<std::ptrdiff_t>(updated)});
  for (std::size_t i = updated; i < grads.size(); ++i) recording.outputs.push_back(grads[i]);
}

}  // namespace

RecordedCase record_steps(const Case& description) {
  RecordedCase recording;
  recording.tape = std::make_unique<Tape>();
  auto& tape = *recording.tape;
  for (std::size_t i = 0; i < description.inputs.size(); ++i) {
    const auto tensor = values_of(description, i);
    if (description.inputs[i].role == Role::parameter) {
      recording.values.push_back(tape.stored(tensor, fmt::format("value {}", i)));
    } else {
      recording.values.push_back(tape.input(tensor.type(), fmt::format("value {}", i)));
      recording.bound.emplace_back(recording.values.back(), tensor);
    }
  }
  for (const auto& step : description.steps) {
    const auto found = vocabulary().find(step.name);
    if (found == vocabulary().end()) throw Error{fmt::format("a case has no operator '{}'", step.name)};
    std::vector<Var> operands;
    for (const auto operand : step.operands) {
      if (operand >= recording.values.size())
        throw Error{fmt::format("{} reads value {}, which comes later", step.name, operand)};
      operands.push_back(recording.values[operand]);
    }
    if (operands.empty()) throw Error{fmt::format("{} has no operands", step.name)};
    recording.values.push_back(
        found->second({operands, step.options, [&](const Tensor& tensor) { return tape.stored(tensor); }}));
  }
  return recording;
}

RecordedCase record_case(const Case& description) {
  auto recording = record_steps(description);
  std::vector<Var> results;
  for (const auto id : unread_steps(description)) results.push_back(recording.values[id]);
  for (const auto& result : results) {
    const auto kind = recording.tape->program().values.at(result.id()).kind;
    if (kind == keel::ValueKind::intermediate) recording.outputs.push_back(result);
  }
  if (description.gradients) record_gradients(recording, description, results);
  return recording;
}

}  // namespace keel::differential
