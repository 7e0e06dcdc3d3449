#include "keel/models/value_and_grad.hpp"

namespace keel::detail {
namespace {

bool is_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64;
}

// In memory that is no parameter's and no input's.
std::vector<Var> computed_with_grads(const Var& value, std::span<const Var> wrt,
                                     const SourceLocation& where) {
  std::vector<Var> results{computed(value, where)};
  for (const auto& grad : gradients(value, wrt, where)) results.push_back(computed(grad, where));
  return results;
}

}  // namespace

std::vector<Var> record_grads(const Var& value, std::span<const Var> inputs, const SourceLocation& where) {
  std::vector<Var> floats;
  for (const auto& input : inputs)
    if (is_float(input.dtype())) floats.push_back(input);
  return computed_with_grads(value, floats, where);
}

std::vector<Var> record_grads(RecordedLoss loss, const SourceLocation& where) {
  keep_what_matters(loss.value, loss.trained);
  auto results = computed_with_grads(loss.value, loss.trained, where);
  results.insert(results.end(), loss.trained.begin(), loss.trained.end());
  return results;
}

ValueAndGrads value_and_grads(const Plan& plan, std::span<const Tensor> inputs) {
  ValueAndGrads result{number_of(plan.output(0)), {}};
  std::size_t next = 1;
  for (const auto& input : inputs)
    result.grads.push_back(is_float(input.dtype()) ? plan.output(next++) : Tensor{});
  return result;
}

// The parameters, behind the gradients, are there for the sake of their names.
LossAndGrads loss_and_grads(const Plan& plan, std::size_t results) {
  LossAndGrads result{number_of(plan.output(0)), {}};
  const auto trained = (results - 1) / 2;
  for (std::size_t i = 1; i <= trained; ++i) {
    const auto parameter = plan.output_values()[trained + i];
    result.grads.emplace(plan.program().values[parameter].name, plan.output(i));
  }
  return result;
}

}  // namespace keel::detail
