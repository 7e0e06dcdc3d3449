#include "keel/models/compiled_function.hpp"

#include <fmt/format.h>

#include "keel/ops/fusion_rules.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {

CompiledFunction::CompiledFunction(Mode mode, Recording recording)
    : mode_(mode), recording_(std::move(recording)) {}

const Plan& CompiledFunction::operator()(std::span<const Tensor> inputs) {
  Plan& compiled = plan(inputs);
  compiled.run();
  return compiled;
}

Plan& CompiledFunction::plan(std::span<const Tensor> inputs) {
  key_.types.clear();
  for (const auto& input : inputs) key_.types.push_back(input.type());
  key_.threads = ThreadLimit::current();
  auto found = compiled_.find(key_);
  if (found == compiled_.end()) found = compiled_.emplace(key_, compile(key_.types)).first;
  auto& [plan, ids] = found->second;
  for (std::size_t i = 0; i < inputs.size(); ++i) plan.bind(ids[i], inputs[i]);
  return plan;
}

CompiledFunction::Compiled CompiledFunction::compile(std::span<const ValueType> types) const {
  Tape tape{mode_};
  std::vector<Var> inputs;
  std::vector<std::size_t> ids;
  for (const auto& type : types) {
    inputs.push_back(tape.input(type, fmt::format("input {}", inputs.size())));
    ids.push_back(inputs.back().id());
  }
  const auto outputs = recording_(tape, inputs);
  return {Plan{tape, outputs, {.rules = fusion_rules()}}, std::move(ids)};
}

}  // namespace keel
