#include "ops_support.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "keel/graph/gradients.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::test {
namespace {

Tensor absolute(const Tensor& tensor) {
  Tensor result = tensor.clone();
  if (result.dtype() == DType::f32)
    for (auto& value : result.data<float>()) value = std::abs(value);
  if (result.dtype() == DType::f64)
    for (auto& value : result.data<double>()) value = std::abs(value);
  return result;
}

std::vector<double> times(double factor, std::vector<double> values) {
  for (auto& value : values) value *= factor;
  return values;
}

}  // namespace

double summation_error(std::int64_t terms) {
  return (2.0 + 4.0 * std::sqrt(static_cast<double>(terms))) * unit_roundoff;
}

Tensor random_tensor(const Shape& shape, std::uint64_t seed, double scale, double offset) {
  Rng rng{seed};
  Tensor tensor{shape};
  for (auto& value : tensor.data<float>()) value = static_cast<float>(offset + scale * rng.normal());
  return tensor;
}

std::vector<Tensor> random_tensors(std::initializer_list<Shape> shapes, std::uint64_t seed) {
  std::vector<Tensor> tensors;
  for (const auto& shape : shapes) tensors.push_back(random_tensor(shape, seed + tensors.size()));
  return tensors;
}

Tensor random_labels(std::int64_t count, std::int64_t classes, std::uint64_t seed) {
  Rng rng{seed};
  Tensor labels{Shape{count}, DType::s32};
  for (auto& label : labels.data<std::int32_t>())
    label = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(classes)));
  return labels;
}

Tensor converted(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype || tensor.dtype() == DType::s32) return tensor.clone();
  Tensor result{tensor.shape(), dtype};
  if (dtype == DType::f64) {
    std::ranges::copy(tensor.data<float>(), result.data<double>().begin());
  } else {
    std::ranges::transform(tensor.data<double>(), result.data<float>().begin(),
                           [](double value) { return static_cast<float>(value); });
  }
  return result;
}

std::vector<double> values(const Tensor& tensor) {
  const Tensor wide = converted(tensor, DType::f64);
  return {wide.data<double>().begin(), wide.data<double>().end()};
}

Tensor upstream_gradient(const Shape& shape, std::uint64_t seed) {
  return random_tensor(shape, seed);
}

Evaluation evaluate(const Function& function, const EvaluationOptions& options) {
  const auto prepared = [&](const Tensor& tensor) {
    return converted(options.absolute ? absolute(tensor) : tensor, options.dtype);
  };
  Tape tape;
  std::vector<Tensor> inputs;
  std::vector<Var> vars;
  std::vector<Var> floats;
  for (const auto& input : options.inputs) {
    inputs.push_back(prepared(input));
    vars.push_back(tape.input(inputs.back().type(), "input " + std::to_string(vars.size())));
    if (input.dtype() != DType::s32) floats.push_back(vars.back());
  }
  auto results = function(vars);
  const auto outputs = results.size();
  if (options.differentiated) {
    const Var upstream =
        tape.stored(prepared(upstream_gradient(results[0].shape(), options.upstream)), "upstream");
    const auto grads = gradients(std::span{results}.first(1), std::span{&upstream, 1}, floats);
    results.insert(results.end(), grads.begin(), grads.end());
  }
  PlanOptions plan_options;
  if (options.fused) plan_options.rules = fusion_rules();
  Plan plan{tape, results, plan_options};
  for (std::size_t i = 0; i < vars.size(); ++i) plan.bind(vars[i], inputs[i]);
  plan.run();

  Evaluation evaluation;
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto& kind = i < outputs ? evaluation.outputs : evaluation.gradients;
    kind.push_back(values(plan.output(i)));
  }
  for (const auto& step : plan.steps()) {
    evaluation.steps.emplace_back(step.node.op->name());
    evaluation.implementations.push_back(step.implementation);
  }
  return evaluation;
}

boost::test_tools::assertion_result within(std::span<const double> actual, std::span<const double> expected,
                                           std::span<const double> bounds) {
  boost::test_tools::assertion_result result{true};
  if (actual.size() != expected.size() || actual.size() != bounds.size()) {
    result = false;
    result.message() << actual.size() << " values, " << expected.size() << " expected, " << bounds.size()
                     << " bounds";
    return result;
  }
  std::size_t worst = 0;
  double worst_excess = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = std::abs(actual[i] - expected[i]);
    if (error <= bounds[i]) continue;  // written so that a NaN is not within any bound
    const double excess = error / bounds[i];
    if (!result && !(excess > worst_excess)) continue;
    result = false;
    worst = i;
    worst_excess = excess;
  }
  if (!result) {
    result.message() << "element " << worst << " is " << actual[worst] << ", not " << expected[worst]
                     << ": off by " << std::abs(actual[worst] - expected[worst]) << ", allowed " << bounds[worst];
  }
  return result;
}

boost::test_tools::assertion_result within(std::span<const double> actual, std::span<const double> expected,
                                           double bound) {
  return within(actual, expected, std::vector<double>(expected.size(), bound));
}

void check_sums_of_products(const Function& function, const std::vector<Tensor>& inputs, std::int64_t terms) {
  const auto actual = evaluate(function, {.inputs = inputs});
  const auto expected = evaluate(function, {.dtype = DType::f64, .inputs = inputs});
  const auto magnitude = evaluate(function, {.dtype = DType::f64, .absolute = true, .inputs = inputs});
  const double relative = summation_error(terms);
  for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
    BOOST_TEST_CONTEXT("output " << i)
    BOOST_TEST(within(actual.outputs[i], expected.outputs[i], times(relative, magnitude.outputs[i])));
  }
  for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
    BOOST_TEST_CONTEXT("gradient of input " << i)
    BOOST_TEST(within(actual.gradients[i], expected.gradients[i], times(relative, magnitude.gradients[i])));
  }
}

void check_exact(const Function& function, const std::vector<Tensor>& inputs) {
  const auto actual = evaluate(function, {.inputs = inputs});
  const auto expected = evaluate(function, {.dtype = DType::f64, .inputs = inputs});
  for (std::size_t i = 0; i < expected.outputs.size(); ++i)
    BOOST_TEST(within(actual.outputs[i], expected.outputs[i], 0.0));
  for (std::size_t i = 0; i < expected.gradients.size(); ++i)
    BOOST_TEST(within(actual.gradients[i], expected.gradients[i], 0.0));
}

}  // namespace keel::test
