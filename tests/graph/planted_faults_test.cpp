// Derivatives broken on purpose, each in one small way in what it computes: gradcheck must report the fault
// and name its operator, and must pass the same function with the right derivative.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <memory>

#include "../support/gradcheck_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"

namespace {

using namespace keel;
using namespace keel::testing;
using Vars = std::span<const Var>;
using Vjp = std::function<std::vector<Var>(const VjpContext&)>;

// x^3 with that derivative, between operators that are right.
GradcheckReport check_cube(const Derivative& derivative, const GradcheckOptions& options = {},
                           const Shape& shape = {3, 4}) {
  const auto cube = [](double x) { return x * x * x; };
  return gradcheck([&](Vars v) { return elementwise("cube", v[0] * v[1], cube, derivative) + v[1]; },
                   {shape, shape}, options);
}

double right_slope(double x, std::int64_t) {
  return 3 * x * x;
}

// f(a, b) with that derivative, between operators that are right.
GradcheckReport check_pair(const std::string& name, Var (*function)(const Var& a, const Var& b),
                           const Vjp& vjp, std::initializer_list<Shape> shapes) {
  return gradcheck(
      [&](Vars v) {
        const auto forward = operator_of(function(v[0], v[1]));
        const auto bind = [=](const Binding& binding) { return forward->bind(binding); };
        const auto infer = [=](std::span<const ValueType> types) { return forward->infer(types); };
        const Var middle =
            custom({.name = name, .infer = infer, .bind = bind, .vjp = vjp}, {v[0] + v[0], v[1]});
        return middle * middle;
      },
      shapes);
}

GradcheckReport check_product(const Vjp& vjp) {
  return check_pair("product", [](const Var& a, const Var& b) { return matmul(a, b); }, vjp,
                    {{3, 3}, {3, 3}});
}

GradcheckReport check_scale(const Vjp& vjp) {
  return check_pair("scale", [](const Var& a, const Var& b) { return a * b; }, vjp, {{4, 3}, {3}});
}

// Batch norm, with the derivative that `grad_src` and the right ones of gamma and beta make.
using GradSrc = std::function<Var(const VjpContext&, const Var& right)>;

GradcheckReport check_batch_norm(const GradSrc& grad_src) {
  return gradcheck(
      [&](Vars v) {
        const auto forward = operator_of(batch_norm_training(v[0], v[1], v[2]).dst);
        const auto infer = [=](std::span<const ValueType> types) { return forward->infer(types); };
        const auto bind = [=](const Binding& binding) { return forward->bind(binding); };
        const auto vjp = [=](const VjpContext& context) {
          auto grads = forward->vjp(context);
          grads[0] = grad_src(context, grads[0]);
          return grads;
        };
        return record_custom({.name = "normalize", .infer = infer, .bind = bind, .vjp = vjp},
                             {v[0] * v[0], v[1], v[2]})[0];
      },
      {{5, 3}, {3}, {3}});
}

// The gradient of src as if these statistics were constants.
Var with_constants(const VjpContext& context, const Var& mean, const Var& variance) {
  const std::array inputs{context.inputs[0], context.inputs[1], context.inputs[2], mean, variance};
  const Var dst = batch_norm_inference(inputs[0], inputs[1], inputs[2], mean, variance);
  const std::array needed{true, true, true, false, false};
  return operator_of(dst)->vjp({.inputs = inputs,
                                .outputs = {&dst, 1},
                                .output_grads = context.output_grads.first(1),
                                .needed = needed,
                                .where = context.where})[0];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(planted_faults_test)

BOOST_AUTO_TEST_CASE(a_wrong_sign) {
  const auto right = check_cube(right_slope);
  BOOST_TEST(right.ok, right.text);
  BOOST_TEST(right.faults.empty());
  check_blamed(check_cube([](double x, auto) { return -3 * x * x; }), "cube", 0);
}

BOOST_AUTO_TEST_CASE(a_missing_factor) {
  check_blamed(check_cube([](double x, auto) { return x * x; }), "cube", 0);
}

BOOST_AUTO_TEST_CASE(a_slightly_wrong_factor) {
  check_blamed(check_cube([](double x, auto) { return 3 * (1 + 1e-4) * x * x; }), "cube", 0);
}

BOOST_AUTO_TEST_CASE(one_wrong_element) {
  const auto report = check_cube([](double x, auto i) { return (i == 7 ? 2.9 : 3) * x * x; });
  check_blamed(report, "cube", 0);
  BOOST_TEST(report.faults[0].inputs[0].worst.element == 7U, report.text);
  BOOST_TEST(report.inputs[0].worst.element == 7U, report.text);
}

BOOST_AUTO_TEST_CASE(zero_where_it_should_not_be) {
  check_blamed(check_cube([](double, auto) { return 0.0; }), "cube", 0);
}

BOOST_AUTO_TEST_CASE(a_term_too_many) {
  check_blamed(check_cube([](double x, auto) { return 3 * x * x + 1e-3; }), "cube", 0);
}

BOOST_AUTO_TEST_CASE(a_missing_transpose) {
  const auto derivative = [](bool weights_transposed, bool src_transposed) {
    return [=](const VjpContext& context) {
      const auto& grad = context.output_grads[0];
      return std::vector{matmul(grad, context.inputs[1], {.weights = weights_transposed}),
                         matmul(context.inputs[0], grad, {.src = src_transposed})};
    };
  };
  const auto right = check_product(derivative(true, true));
  BOOST_TEST(right.ok, right.text);
  check_blamed(check_product(derivative(false, true)), "product", 0);
  check_blamed(check_product(derivative(true, false)), "product", 1);
}

BOOST_AUTO_TEST_CASE(a_gradient_written_into_the_wrong_input) {
  const auto report = check_product([](const VjpContext& context) {
    const auto& grad = context.output_grads[0];
    return std::vector{matmul(context.inputs[0], grad, {.src = true}),
                       matmul(grad, context.inputs[1], {.weights = true})};
  });
  BOOST_TEST(!report.ok);
  BOOST_TEST_REQUIRE(report.faults.size() == 1U, report.text);
  BOOST_TEST(report.faults[0].op == "product", report.text);
  BOOST_TEST(report.faults[0].inputs.size() == 2U, report.text);
}

BOOST_AUTO_TEST_CASE(a_forgotten_sum_over_broadcast_axes) {
  const auto derivative = [](const std::function<Var(const Var&)>& grad_gamma) {
    return [=](const VjpContext& context) {
      const auto& grad = context.output_grads[0];
      return std::vector{grad * context.inputs[1], grad_gamma(grad * context.inputs[0])};
    };
  };
  const auto first_row = [](const Var& product) {
    const auto infer = [](auto) { return std::vector<ValueType>{{Shape{3}, DType::f64}}; };
    return custom({.name = "first_row", .infer = infer}, {product});
  };
  const auto right = check_scale(derivative([](const Var& product) { return sum_to(product, Shape{3}); }));
  BOOST_TEST(right.ok, right.text);
  check_blamed(check_scale(derivative(first_row)), "scale", 1);
}

BOOST_AUTO_TEST_CASE(statistics_that_are_taken_for_constants) {
  const auto right = check_batch_norm([](const VjpContext&, const Var& grad) { return grad; });
  BOOST_TEST(right.ok, right.text);
  const auto report = check_batch_norm([](const VjpContext& context, const Var&) {
    return with_constants(context, context.outputs[1], context.outputs[2]);
  });
  check_blamed(report, "normalize", 0);
}

BOOST_AUTO_TEST_CASE(running_statistics_instead_of_the_batch_s) {
  const auto mean = Tensor::of<double>({3}, {0, 0, 0});
  const auto variance = Tensor::of<double>({3}, {1, 1, 1});
  const auto report = check_batch_norm([&](const VjpContext& context, const Var& grad) {
    return with_constants(context, grad.tape().stored(mean), grad.tape().stored(variance));
  });
  check_blamed(report, "normalize", 0);
}

// Its gradient is (gamma / s) (dy - sum dy / N - xhat sum dy xhat / N); the last term comes by the variance.
BOOST_AUTO_TEST_CASE(a_missing_term_through_the_variance) {
  const auto without_last_term = [](const VjpContext& context, const Var&) {
    const auto infer = [](auto types) { return std::vector{types[0]}; };
    const auto bind = [](const Binding& binding) {
      return Kernel{[src = binding.input<const double>(0), gamma = binding.input<const double>(1),
                     variance = binding.input<const double>(2), grad = binding.input<const double>(3),
                     grad_src = binding.output<double>(0)] {
                      for (int c = 0; c < 3; ++c) {
                        double sum = 0;
                        for (int n = 0; n < 5; ++n) sum += grad.get()[3 * n + c];
                        const double scale = gamma.get()[c] / std::sqrt(variance.get()[c] + 1e-5);
                        for (int i = c; i < 15; i += 3) grad_src.get()[i] = scale * (grad.get()[i] - sum / 5);
                      }
                    },
                    "loop"};
    };
    return custom({.name = "without_last_term", .infer = infer, .bind = bind},
                  {context.inputs[0], context.inputs[1], context.outputs[2], context.output_grads[0]});
  };
  check_blamed(check_batch_norm(without_last_term), "normalize", 0);
}

BOOST_AUTO_TEST_CASE(nonzero_where_it_should_be_zero) {
  const auto check = [](double claimed) {
    const auto scaled = [claimed](auto src, auto dst) {
      for (std::size_t i = 0; i < src.size(); ++i) dst[i] = claimed * src[i];
    };
    const auto vjp = [=](const VjpContext& context) {
      const auto& grad = context.output_grads[0];
      return std::vector{grad, custom({.name = "scaled", .bind = kernel_of(scaled)}, {grad})};
    };
    return gradcheck([&](Vars v) { return custom({.name = "first", .vjp = vjp}, {v[0], v[1]}); }, {{4}, {4}});
  };
  const auto right = check(0.0);
  BOOST_TEST(right.ok, right.text);
  BOOST_TEST(right.inputs[1].independent);
  BOOST_TEST(contains(right.text, "no step changes the function by more than its rounding"), right.text);
  BOOST_TEST(contains(right.text, "the gradient is exactly zero"), right.text);
  // Also far below the absolute tolerance.
  for (const double claimed : {1.0, 1e-12}) check_blamed(check(claimed), "first", 1);
}

// A fault of a hundredth: the tolerances of 5000 elements together are 70 of one, those of gradients above
// 3 * 0.3^3 * 0.3 far less than that.
BOOST_AUTO_TEST_CASE(single_elements_of_a_large_input) {
  GradcheckOptions options{.inputs = {random_tensor({5000}), random_tensor({5000}, DType::f64, 2)}};
  for (const auto& input : options.inputs) {
    for (auto& x : input.data<double>()) x += x < 0 ? -0.3 : 0.3;
  }
  for (const std::int64_t wrong : {0, 1234, 4999}) {
    const auto report = check_cube(
        [wrong](double x, std::int64_t i) { return 3 * x * x * (i == wrong ? 1.01 : 1.0); }, options, {5000});
    check_blamed(report, "cube", 0);
    BOOST_TEST(report.inputs[0].worst.element == static_cast<std::size_t>(wrong), report.text);
    BOOST_TEST(contains(report.text, "of 5000 elements"), report.text);
  }
  const auto right = check_cube(right_slope, options, {5000});
  BOOST_TEST(right.ok, right.text);
  BOOST_TEST(contains(right.text, "checked along 4 random directions and at 20 of 5000 elements"),
             right.text);
}

BOOST_AUTO_TEST_CASE(two_elements_of_a_large_input_that_change_places) {
  const auto x = random_tensor({5000});
  x.data<double>()[2001] = -x.data<double>()[2000];
  const auto swapped = [&](bool swap) {
    const auto derivative = [&, swap](double value, std::int64_t i) {
      const auto elements = x.data<double>();
      if (swap && i == 2000) return 3 * std::pow(elements[2002], 2);
      if (swap && i == 2002) return 3 * std::pow(elements[2000], 2);
      return 3 * value * value;
    };
    const auto cube = [](double value) { return value * value * value; };
    return gradcheck([&](Vars v) { return elementwise("cube", v[0], cube, derivative); }, {{5000}},
                     {.inputs = {x}});
  };
  BOOST_TEST(swapped(false).ok);
  check_blamed(swapped(true), "cube", 0);
}

BOOST_AUTO_TEST_SUITE_END()
