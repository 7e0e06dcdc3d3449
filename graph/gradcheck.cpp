#include "keel/graph/gradcheck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "keel/graph/gradcheck_derivative.hpp"
#include "keel/graph/gradcheck_operators.hpp"
#include "keel/graph/gradcheck_order.hpp"
#include "keel/graph/gradcheck_text.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

Tensor random_normal(const Shape& shape, Rng rng) {
  Tensor tensor{shape, DType::f64};
  for (auto& element : tensor.data<double>()) element = rng.normal();
  return tensor;
}

void require_inputs(std::span<const Tensor> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    require_values(inputs[i], fmt::format("the tensor given to gradcheck as input {}", i));
}

CheckedFunction checked_function(const std::function<Var(std::span<const Var>)>& function,
                                 std::span<const Shape> shapes, const GradcheckOptions& options) {
  CheckedFunction checked{
      .function = [&](std::span<const Var> inputs) { return std::vector{function(inputs)}; },
      .inputs = {},
      .differentiated = {},
      .names = {},
      .mode = options.mode,
      .seed = options.seed};
  require_inputs(options.inputs);
  for (const auto& tensor : options.inputs) checked.inputs.push_back(tensor.clone());
  for (std::size_t i = checked.inputs.size(); i < shapes.size(); ++i) {
    checked.inputs.push_back(random_normal(shapes[i], Rng{options.seed}.stream("input", i)));
  }
  for (std::size_t i = 0; i < checked.inputs.size(); ++i) {
    const bool is_frozen = std::ranges::count(options.frozen, i) > 0;
    if (checked.inputs[i].dtype() == DType::f64 && !is_frozen) checked.differentiated.push_back(i);
  }
  return checked;
}

std::string text_of(const GradcheckReport& report, const OperatorChecks& operators,
                    const GradcheckOptions& options) {
  std::string text;
  for (const auto& input : report.inputs) text += describe(input, options);
  for (const auto& inconsistency : report.inconsistencies) text += inconsistency + "\n";
  for (const auto& fault : report.faults) text += describe(fault, options);
  for (const auto* reasons : {&operators.unchecked, &operators.jumps})
    for (const auto& reason : *reasons) text += fmt::format("not checked by itself: {}\n", reason);
  for (const auto& reason : report.undecided) text += fmt::format("can't be told: {}\n", reason);
  if (!report.ok && report.faults.empty() && report.undecided.empty()) {
    text += "every operator that was checked by itself agrees: it is their composition that does not\n";
  }
  return text;
}

// What differences of the whole function say too little of.
std::vector<std::size_t> hidden_inputs(std::span<const GradcheckInput> inputs) {
  std::vector<std::size_t> result;
  for (const auto& input : inputs)
    if (input.hidden()) result.push_back(input.input);
  return result;
}

GradcheckReport check(const CheckedFunction& function, const GradcheckOptions& options) {
  if (options.order < 1)
    throw Error{fmt::format("gradcheck's order must be 1 or more, not {}", options.order)};
  if (function.differentiated.empty())
    throw Error{"gradcheck has nothing to differentiate: all inputs are frozen, or none is f64"};
  CheckedFunction checked = function;
  for (int i = 1; i < options.order; ++i) checked = derivative_of(checked);
  auto found = check_derivative(checked, options);
  GradcheckReport report;
  report.ok = found.ok();
  report.inputs = std::move(found.inputs);
  report.inconsistencies = std::move(found.inconsistencies);
  OperatorChecks operators;
  const auto hidden = hidden_inputs(report.inputs);
  if (!report.ok)
    operators = check_operators(checked, checked.differentiated, options);
  else if (!hidden.empty())
    operators = check_operators(checked, hidden, options);
  report.faults = std::move(operators.faults);
  if (!hidden.empty()) report.undecided = std::move(operators.undecided);
  report.ok = report.ok && report.faults.empty() && report.undecided.empty() &&
              (hidden.empty() || operators.unchecked.empty());
  report.text = text_of(report, operators, options);
  return report;
}

}  // namespace

GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::span<const Shape> shapes, const GradcheckOptions& options) {
  const auto checked = checked_function(function, shapes, options);
  auto report = check(checked, options);
  if (options.f32 != GradcheckF32::skipped) {
    add(report, gradcheck_f32(function, checked.inputs, {}, options), options);
  }
  return report;
}

GradcheckReport gradcheck_parameters(const std::function<Var(std::span<const Var>)>& function,
                                     std::span<const GradcheckParameter> parameters,
                                     const GradcheckOptions& options) {
  CheckedFunction checked{
      .function = [&](std::span<const Var> inputs) { return std::vector{function(inputs)}; },
      .inputs = {},
      .differentiated = {},
      .names = {},
      .mode = options.mode,
      .seed = options.seed};
  require_inputs(options.inputs);
  for (const auto& [path, values] : parameters) {
    require_values(values, fmt::format("the tensor given to gradcheck as parameter '{}'", path));
    checked.differentiated.push_back(checked.inputs.size());
    checked.names.push_back(path);
    checked.inputs.push_back(values);
  }
  for (const auto& tensor : options.inputs) checked.inputs.push_back(tensor.clone());
  return check(checked, options);
}

void add(GradcheckReport& report, GradcheckF32Report f32, const GradcheckOptions& options) {
  const bool is_missed = options.f32 == GradcheckF32::required && !f32.unchecked.empty();
  report.ok = report.ok && f32.faults.empty() && !is_missed;
  report.text += describe(f32);
  report.f32 = std::move(f32);
}

GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::initializer_list<Shape> shapes, const GradcheckOptions& options) {
  return gradcheck(function, std::span{shapes.begin(), shapes.size()}, options);
}

}  // namespace keel
