#include "ops_support.hpp"

#include <algorithm>
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

std::vector<double> scaled_magnitudes(double factor, std::vector<double> values) {
  for (auto& value : values) value = factor * std::abs(value);
  return values;
}

}  // namespace

double summation_error(std::int64_t terms) {
  return (2.0 + 4.0 * std::sqrt(static_cast<double>(terms))) * unit_roundoff;
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
    const bool frozen = std::ranges::count(options.frozen, vars.size() - 1) > 0;
    if (input.dtype() != DType::s32 && !frozen) floats.push_back(vars.back());
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
                     << ": off by " << std::abs(actual[worst] - expected[worst]) << ", allowed "
                     << bounds[worst];
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
    BOOST_TEST(
        within(actual.outputs[i], expected.outputs[i], scaled_magnitudes(relative, magnitude.outputs[i])));
  }
  for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
    BOOST_TEST_CONTEXT("gradient of input " << i)
    BOOST_TEST(within(actual.gradients[i], expected.gradients[i],
                      scaled_magnitudes(relative, magnitude.gradients[i])));
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

BatchNormBounds batch_norm_bounds(const BatchNormCase& batch) {
  const auto src = values(batch.src);
  const auto gamma = values(batch.gamma);
  const auto beta = values(batch.beta);
  const bool given = batch.mean.defined();
  const auto features = gamma.size();
  const auto count = src.size() / features;
  const auto n = static_cast<double>(count);
  const double sum_error = summation_error(static_cast<std::int64_t>(count));
  BatchNormBounds bounds;
  bounds.dst.resize(src.size());
  bounds.grad_src.resize(src.size());
  for (std::size_t c = 0; c < features; ++c) {
    double mean = 0.0;
    double magnitude = 0.0;
    for (std::size_t i = c; i < src.size(); i += features) {
      mean += src[i] / n;
      magnitude += std::abs(src[i]) / n;
    }
    if (given) mean = values(batch.mean)[c];
    double variance = 0.0;
    for (std::size_t i = c; i < src.size(); i += features) variance += std::pow(src[i] - mean, 2) / n;
    if (given) variance = values(batch.variance)[c];

    // Around a mean that is off by e, the squares add up to N (variance + e^2).
    const double mean_error = given ? 0.0 : sum_error * magnitude + unit_roundoff * std::abs(mean);
    const double variance_error =
        given ? 0.0 : (sum_error + 4 * unit_roundoff) * variance + 2 * mean_error * mean_error;
    const double inverse = 1.0 / std::sqrt(variance + batch.epsilon);
    const double inverse_error =
        variance_error / (2 * (variance + batch.epsilon)) + 4 * unit_roundoff;  // relative
    const auto xhat = [&](std::size_t i) { return (src[i] - mean) * inverse; };
    const auto xhat_error = [&](std::size_t i) {
      return inverse * mean_error + std::abs(xhat(i)) * (inverse_error + 2 * unit_roundoff);
    };

    double dgamma = 0.0;
    double dbeta = 0.0;
    double dgamma_error = 0.0;
    double dbeta_error = 0.0;
    for (std::size_t i = c; i < src.size(); i += features) {
      const double dy = batch.upstream[i];
      dgamma += dy * xhat(i);
      dbeta += dy;
      dgamma_error += std::abs(dy) * (xhat_error(i) + sum_error * std::abs(xhat(i)));
      dbeta_error += std::abs(dy) * sum_error;
    }
    for (std::size_t i = c; i < src.size(); i += features) {
      const double scaled = std::abs(gamma[c] * xhat(i));
      bounds.dst[i] = std::abs(gamma[c]) * xhat_error(i) + 2 * unit_roundoff * (scaled + std::abs(beta[c]));
      const double dy = std::abs(batch.upstream[i]);
      const double terms = given ? dy : dy + (std::abs(dbeta) + std::abs(xhat(i) * dgamma)) / n;
      const double statistics_error =
          (dbeta_error + std::abs(xhat(i)) * dgamma_error + xhat_error(i) * std::abs(dgamma)) / n;
      bounds.grad_src[i] = std::abs(gamma[c]) * inverse *
                           (terms * (inverse_error + 6 * unit_roundoff) + (given ? 0.0 : statistics_error));
    }
    bounds.mean.push_back(mean_error);
    bounds.variance.push_back(variance_error);
    bounds.grad_gamma.push_back(dgamma_error);
    bounds.grad_beta.push_back(dbeta_error);
  }
  return bounds;
}

}  // namespace keel::test
