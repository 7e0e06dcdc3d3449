#include "execution.hpp"

#include <algorithm>
#include <cstring>

#include "keel/ops/fusion_rules.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"
#include "values.hpp"

namespace keel::differential {
namespace {

// A fusion rule is a plain function, so what it is to plant stands here while a plan is compiled.
thread_local const Sabotage* planted = nullptr;

bool plant(Rewriter& rewriter, std::size_t index) {
  auto& node = rewriter.node(index);
  if (dynamic_cast<const Sabotaged*>(node.op.get()) != nullptr) return false;
  auto changed = (*planted)(node.op);
  if (changed == nullptr) return false;
  node.op = std::move(changed);
  return true;
}

std::vector<std::byte> bytes_of(const Tensor& tensor) {
  return {tensor.bytes(), tensor.bytes() + tensor.type().bytes()};
}

}  // namespace

Execution::Execution(const Case& description, const Sabotage& sabotage)
    : case_(description), sabotage_(sabotage), recording_(record_case(description)) {
  const auto& values = recorded().values;
  for (std::size_t id = 0; id < values.size(); ++id) {
    if (values[id].kind != keel::ValueKind::stored) continue;
    stored_.emplace_back(id, values[id].storage);
    first_.push_back(bytes_of(values[id].storage));
  }
}

void Execution::restore() {
  for (std::size_t i = 0; i < stored_.size(); ++i) std::ranges::copy(first_[i], stored_[i].second.bytes());
}

std::optional<std::string> Execution::run_once() {
  try {
    plan_->run();
  } catch (const NonFiniteError& error) {
    return error.what();
  }
  return std::nullopt;
}

void Execution::warm_up() {
  Case other = case_;
  other.seed += 1;
  const auto recording = record_steps(other);
  for (const auto& [var, tensor] : recording.bound) plan_->bind(var.id(), tensor);
  run_once();
}

const Program& Execution::compiled() {
  const ThreadLimit limit{case_.threads};
  compile(true);
  return plan_->program();
}

void Execution::compile(bool reuse_memory) {
  std::vector<FusionRule> rules;
  if (case_.fused) rules.assign(fusion_rules().begin(), fusion_rules().end());
  if (sabotage_) rules.push_back({"a planted fault", plant});
  planted = &sabotage_;
  plan_ = std::make_unique<Plan>(*recording_.tape, recording_.outputs,
                                 PlanOptions{.rules = rules, .reuse_memory = reuse_memory});
}

Outcome Execution::run(bool reuse_memory, int runs_before) {
  const ThreadLimit limit{case_.threads};
  compile(reuse_memory);
  plan_->poison();
  for (; runs_before > 0; --runs_before) {
    restore();
    warm_up();
  }
  if (!reuse_memory) plan_->poison();
  restore();
  for (const auto& [var, tensor] : recording_.bound) plan_->bind(var, tensor);

  Outcome outcome;
  for (const auto& [id, tensor] : stored_) outcome.before.emplace(id, read_array(tensor));
  outcome.thrown = run_once();
  for (const auto& [id, tensor] : stored_) outcome.after.emplace(id, read_array(tensor));

  const auto& program = plan_->program();
  const std::byte* arena = nullptr;
  const auto outputs = plan_->output_values();
  for (std::size_t i = 0; i < outputs.size() && arena == nullptr; ++i) {
    if (const auto offset = plan_->arena_offset(outputs[i])) arena = plan_->output(i).bytes() - *offset;
  }
  outcome.values.resize(program.values.size());
  for (std::size_t id = 0; id < program.values.size(); ++id) {
    const auto offset = plan_->arena_offset(id);
    if (offset && arena != nullptr)
      outcome.values[id] = read_array(program.values[id].type, program.values[id].format, arena + *offset);
  }
  for (const auto& [var, tensor] : recording_.bound) outcome.values[var.id()] = read_array(tensor);
  for (const auto& [id, array] : outcome.before) outcome.values[id] = array;
  return outcome;
}

}  // namespace keel::differential
