#include "keel/models/compiled_function.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "keel/models/call.hpp"
#include "keel/models/parameter.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

void copy_elements(const Tensor& from, const Tensor& to) {
  std::copy_n(from.bytes(), from.type().bytes(), to.bytes());
}

}  // namespace

CompiledFunction::CompiledFunction(Mode mode, Recording recording, PlanBound bound, Communicator ranks)
    : mode_(mode), ranks_(std::move(ranks)), recording_(std::move(recording)), bound_(bound) {}

const Plan& CompiledFunction::operator()(std::span<const Tensor> inputs) {
  if (ranks_.size() == 1) return run(inputs);
  try {
    return run(inputs);
  } catch (const RankError&) {
    throw;
  } catch (const std::exception& error) {
    ranks_.settle();
    ranks_.fail(error.what());
    throw;
  }
}

const Plan& CompiledFunction::run(std::span<const Tensor> inputs) {
  auto& [plan, ids, parameters, state, dependencies, results, reported, used] = bound_to(inputs);
  for (const auto& [value, before] : state) copy_elements(value, before);
  try {
    plan.run();
  } catch (...) {
    for (const auto& [value, before] : state) copy_elements(before, value);
    throw;
  }
  return plan;
}

Plan& CompiledFunction::plan(std::span<const Tensor> inputs) {
  return bound_to(inputs).plan;
}

CompiledFunction::Compiled& CompiledFunction::bound_to(std::span<const Tensor> inputs) {
  if (!recording_) detail::refuse_moved();
  require_inputs(inputs);
  key_.types.clear();
  for (const auto& input : inputs) key_.types.push_back(input.type());
  key_.threads = ThreadLimit::current();
  auto found = compiled_.find(key_);
  if (found != compiled_.end() && changed(found->second)) {
    forget();
    found = compiled_.end();
  }
  const bool is_new = found == compiled_.end();
  if (is_new) found = compiled_.emplace(key_, compile(key_.types)).first;
  auto& compiled = found->second;
  compiled.used = ++clock_;
  if (is_new) drop_least_used();
  for (std::size_t i = 0; i < inputs.size(); ++i) compiled.plan.bind(compiled.inputs[i], inputs[i]);
  return compiled;
}

void CompiledFunction::require_inputs(std::span<const Tensor> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].defined()) continue;
    require_values(
        inputs[i],
        fmt::format("tensor {} of the {} that a training step, an inference or a compiled function "
                    "was called with",
                    i + 1, inputs.size()));
  }
}

const CompiledFunction::Compiled& CompiledFunction::latest() const {
  const auto found = compiled_.find(key_);
  if (found != compiled_.end()) return found->second;
  throw Error{
      "what a step, an inference or a compiled function reported was asked for before its first call"};
}

Tensor CompiledFunction::reported(std::string_view name) const {
  const auto& [plan, inputs, parameters, state, dependencies, results, names, used] = latest();
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return plan.output(results + static_cast<std::size_t>(found - names.begin()));
  throw Error{fmt::format("nothing was reported as '{}'; there is {}", name,
                          names.empty() ? "nothing at all: call report(name, value) where it is computed"
                                        : fmt::format("'{}'", fmt::join(names, "', '")))};
}

std::size_t CompiledFunction::bytes() const {
  std::size_t sum = 0;
  for (const auto& [key, compiled] : compiled_) sum += compiled.plan.arena_bytes();
  return sum;
}

bool CompiledFunction::changed(Compiled& compiled) {
  bool any = false;
  for (auto& [value, watch] : compiled.parameters) {
    const auto fate = watch.look();
    any = any || fate == Presence::Fate::changed;
    if (fate != Presence::Fate::moved_away && fate != Presence::Fate::destroyed) continue;
    throw Error{
        fmt::format("parameter '{}' was {} after a function that uses it was compiled: "
                    "make the function anew, or let it forget, where its recording can do without",
                    compiled.plan.program().values[value].name,
                    fate == Presence::Fate::destroyed ? "destroyed" : "moved away")};
  }
  for (const auto& dependency : compiled.dependencies) any = dependency() || any;
  return any;
}

void CompiledFunction::drop_least_used() {
  auto total = bytes();
  const auto least_used = [&] {
    return std::ranges::min_element(compiled_, {}, [](const auto& entry) { return entry.second.used; });
  };
  while (compiled_.size() > 1 && (compiled_.size() > bound_.plans || total > bound_.bytes)) {
    const auto oldest = least_used();
    total -= oldest->second.plan.arena_bytes();
    compiled_.erase(oldest);
  }
}

CompiledFunction::Compiled CompiledFunction::compile(std::span<const ValueType> types) const {
  Tape tape{mode_, ranks_};
  std::vector<Var> inputs;
  std::vector<std::size_t> ids;
  for (const auto& type : types) {
    inputs.push_back(tape.input(type, fmt::format("input {}", inputs.size())));
    ids.push_back(inputs.back().id());
  }
  auto outputs = recording_(tape, inputs);
  const auto results = outputs.size();
  std::vector<std::string> reported;
  for (const auto& [name, id] : tape.reports()) {
    reported.push_back(name);
    outputs.push_back(tape.var(id));
  }
  std::vector<Watched> parameters;
  for (std::size_t id = 0; id < tape.program().values.size(); ++id) {
    if (const auto* parameter = parameter_of(tape.program().values[id].storage))
      parameters.push_back({id, parameter->watch()});
  }
  std::vector<State> state;
  for (const auto& node : tape.program().nodes) {
    for (const auto id : tape.program().mutated_by(node)) {
      const auto& value = tape.program().values[id].storage;
      const auto* parameter = parameter_of(value);
      if (parameter != nullptr && parameter->kind() != Parameter::Kind::trained)
        state.push_back({value, Tensor{value.type()}});
    }
  }
  return {Plan{tape, outputs, {.rules = fusion_rules()}},
          std::move(ids),
          std::move(parameters),
          std::move(state),
          tape.dependencies(),
          results,
          std::move(reported)};
}

}  // namespace keel
