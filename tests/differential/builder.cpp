#include "builder.hpp"

#include <algorithm>

#include "keel/runtime/error.hpp"
#include "vocabulary.hpp"

namespace keel::differential {

std::size_t Builder::add_input(const CaseInput& input) {
  const auto dtype = input.values == ValueKind::labels ? DType::s32 : DType::f32;
  values_.push_back({tape_.input(input.shape, dtype), true, case_.inputs.size()});
  case_.inputs.push_back(input);
  return values_.size() - 1;
}

std::size_t Builder::add_step(std::string name, const std::vector<std::size_t>& operands,
                              std::vector<double> options) {
  std::vector<Var> vars;
  for (const auto operand : operands) vars.push_back(values_.at(operand).var);
  const auto stored = [this](const Tensor& tensor) { return tape_.stored(tensor); };
  const auto result = vocabulary().at(name)({vars, options, stored});
  values_.push_back({result, false, case_.steps.size()});
  case_.steps.push_back({std::move(name), operands, std::move(options)});
  return values_.size() - 1;
}

bool Builder::has_parameters() const {
  return std::ranges::any_of(case_.inputs, [](const CaseInput& i) { return i.role == Role::parameter; });
}

Case Builder::finish(std::uint64_t seed) const {
  Case result = case_;
  result.seed = seed;
  for (auto& step : result.steps) {
    for (auto& operand : step.operands) {
      const auto& value = values_[operand];
      operand = value.place + (value.is_input ? 0 : case_.inputs.size());
    }
  }
  return result;
}

}  // namespace keel::differential
