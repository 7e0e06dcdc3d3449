#include "keel/graph/gradcheck.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "../support/gradcheck_support.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/error.hpp"

namespace {

using keel::Binding;
using keel::DType;
using keel::gradcheck;
using keel::GradcheckReport;
using keel::Kernel;
using keel::Shape;
using keel::Tensor;
using keel::Var;
using keel::VjpContext;
using keel::testing::contains;
using keel::testing::custom;
using keel::testing::Derivative;
using keel::testing::elementwise;
using keel::testing::text_of;
using Vars = std::span<const Var>;

double cube(double x) {
  return x * x * x;
}

// A check of x^3, which is claimed to have that derivative, on ten elements.
GradcheckReport check_cube(const Derivative& derivative) {
  return gradcheck([&](Vars v) { return elementwise("elementwise", v[0], cube, derivative); }, {{2, 5}});
}

// What is left of src when its mean is taken away, with whatever derivative `vjp` gives.
Var centered(const Var& src, const std::function<std::vector<Var>(const VjpContext&)>& vjp) {
  const auto kernel = [](const Binding& binding) {
    return Kernel{[from = binding.input<const double>(0), to = binding.output<double>(0),
                   count = binding.output_type(0).shape.elements()] {
                    double mean = 0;
                    for (std::int64_t i = 0; i < count; ++i)
                      mean += from.get()[i] / static_cast<double>(count);
                    for (std::int64_t i = 0; i < count; ++i) to.get()[i] = from.get()[i] - mean;
                  },
                  "reference"};
  };
  return custom({.name = "centered", .bind = kernel, .vjp = vjp}, {src});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_test)

BOOST_AUTO_TEST_CASE(right_derivatives_pass) {
  const auto cubed = check_cube([](double x, auto) { return 3 * x * x; });
  BOOST_TEST(cubed.ok, cubed.text);
  const auto product = gradcheck([](Vars v) { return keel::relu(v[0] * v[1]); }, {{8, 5}, {8, 5}});
  BOOST_TEST(product.ok, product.text);
  const auto stretched = gradcheck([](Vars v) { return v[0] * v[1] + v[1]; }, {{4, 3}, {3}});
  BOOST_TEST(stretched.ok, stretched.text);
  const auto scalar = gradcheck([](Vars v) { return keel::mean(v[0] * v[0] * v[0]); }, {{7}});
  BOOST_TEST(scalar.ok, scalar.text);
}

BOOST_AUTO_TEST_CASE(a_value_that_is_used_three_times_passes) {
  const auto report = gradcheck([](Vars v) { return keel::mean(v[0] + v[0] + v[0]); }, {{4}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(a_wrong_sign_is_caught) {
  BOOST_TEST(!check_cube([](double x, auto) { return -3 * x * x; }).ok);
}

BOOST_AUTO_TEST_CASE(a_missing_factor_is_caught) {
  BOOST_TEST(!check_cube([](double x, auto) { return x * x; }).ok);
}

BOOST_AUTO_TEST_CASE(a_slightly_wrong_factor_is_caught) {
  BOOST_TEST(!check_cube([](double x, auto) { return 3 * x * x * (1 + 1e-5); }).ok);
}

BOOST_AUTO_TEST_CASE(a_derivative_of_zero_is_caught) {
  BOOST_TEST(!check_cube([](double, auto) { return 0.0; }).ok);
}

BOOST_AUTO_TEST_CASE(one_wrong_element_is_caught_and_named) {
  for (const std::int64_t wrong : {0, 6, 9}) {
    const auto report =
        check_cube([wrong](double x, std::int64_t i) { return (i == wrong ? 2 : 3) * x * x; });
    BOOST_TEST(!report.ok);
    BOOST_TEST(contains(report.text, "input 0 (2, 5): WRONG; worst element " + std::to_string(wrong) + ":"),
               report.text);
  }
}

// Upstream gradients of all ones would let it through: those of a centred value sum to zero.
BOOST_AUTO_TEST_CASE(a_derivative_that_cancels_under_a_constant_upstream_gradient_is_caught) {
  const auto none = [](const VjpContext&) { return std::vector<Var>(1); };
  BOOST_TEST(!gradcheck([&](Vars v) { return centered(v[0], none); }, {{6}}).ok);
}

BOOST_AUTO_TEST_CASE(a_missing_term_is_caught) {
  const auto identity = [](const VjpContext& context) { return std::vector{context.output_grads[0]}; };
  BOOST_TEST(!gradcheck([&](Vars v) { return centered(v[0], identity); }, {{6}}).ok);
}

// gamma (3) is stretched over (4, 3), but its gradient is taken from the first row instead of summed.
BOOST_AUTO_TEST_CASE(a_missing_sum_over_broadcast_axes_is_caught) {
  const auto scale = [](const Binding& binding) {
    return Kernel{[src = binding.input<const double>(0), gamma = binding.input<const double>(1),
                   dst = binding.output<double>(0)] {
                    for (int i = 0; i < 12; ++i) dst.get()[i] = src.get()[i] * gamma.get()[i % 3];
                  },
                  "reference"};
  };
  const auto first_row = [](auto) { return std::vector<keel::ValueType>{{Shape{3}, DType::f64}}; };
  const auto vjp = [first_row](const VjpContext& context) {
    const auto& grad = context.output_grads[0];
    return std::vector{grad * context.inputs[1],
                       custom({.name = "first_row", .infer = first_row}, {grad * context.inputs[0]})};
  };
  const auto report = gradcheck(
      [&](Vars v) {
        return custom({.name = "scale", .bind = scale, .vjp = vjp}, {v[0], v[1]});
      },
      {{4, 3}, {3}});
  BOOST_TEST(!report.ok);
  BOOST_TEST(contains(report.text, "input 0 (4, 3): agrees"), report.text);
  BOOST_TEST(contains(report.text, "input 1 (3): WRONG"), report.text);
}

BOOST_AUTO_TEST_CASE(a_derivative_that_changes_from_run_to_run_is_caught) {
  const auto runs = std::make_shared<int>(0);
  const auto report = check_cube([runs](double x, std::int64_t i) {
    if (i == 0) ++*runs;
    return 3 * x * x * (1 + 1e-14 * *runs);  // far within the tolerance
  });
  BOOST_TEST(!report.ok);
  BOOST_TEST(contains(report.text, "a second run gave other gradients than the first"), report.text);
  BOOST_TEST(contains(report.text, "agrees"), report.text);
}

BOOST_AUTO_TEST_CASE(a_nan_in_the_gradient_is_caught_and_named_wherever_it_is) {
  for (const std::int64_t wrong : {0, 4, 9}) {
    const auto report = check_cube([wrong](double x, std::int64_t i) {
      return i == wrong ? std::numeric_limits<double>::quiet_NaN() : 3 * x * x;
    });
    BOOST_TEST(!report.ok);
    const auto expected = "WRONG; worst element " + std::to_string(wrong) + ": analytic nan";
    BOOST_TEST(contains(report.text, expected), report.text);
  }
}

// Beside 0, the root is not a number: there is no difference to compare with.
BOOST_AUTO_TEST_CASE(a_nan_in_the_difference_is_caught_wherever_it_is) {
  const auto root = [](Vars v) {
    return elementwise(
        "root", v[0], [](double x) { return std::sqrt(x); },
        [](double x, auto) { return x == 0 ? 1.0 : 0.5 / std::sqrt(x); });
  };
  for (const std::size_t wrong : {0U, 1U, 2U}) {
    const auto x = Tensor::of<double>({3}, {1, 2, 3});
    x.data<double>()[wrong] = 0;
    const auto report = gradcheck(root, {{3}}, {.inputs = {x}});
    BOOST_TEST(!report.ok, report.text);
    BOOST_TEST(contains(report.text, "worst element " + std::to_string(wrong)), report.text);
  }
}

// sum(upstream * x^3) at x = 2: the report gives 8 u as the claim and 12 u as the truth.
BOOST_AUTO_TEST_CASE(the_report_gives_both_values_and_the_tolerances) {
  const auto report = gradcheck(
      [](Vars v) { return elementwise("elementwise", v[0], cube, [](double x, auto) { return 2 * x * x; }); },
      {{1}}, {.inputs = {Tensor::of<double>({1}, {2})}});
  double analytic = 0;
  double numeric = 0;
  const auto scanned =
      std::sscanf(report.text.c_str(), "input 0 (1): WRONG; worst element 0: analytic %lf, numeric %lf,",
                  &analytic, &numeric);
  BOOST_TEST(scanned == 2, report.text);
  BOOST_TEST(analytic / numeric == 8.0 / 12.0, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(
      contains(report.text, "times what is allowed (relative 1e-06, 1e-09 of the largest, step 1e-05)"),
      report.text);
}

BOOST_AUTO_TEST_CASE(the_tolerance_decides) {
  const auto check = [](double tolerance) {
    return gradcheck(
        [](Vars v) {
          return elementwise("elementwise", v[0], cube, [](double x, auto) { return 3.03 * x * x; });
        },
        {{5}}, {.relative_tolerance = tolerance});
  };
  BOOST_TEST(check(0.02).ok);
  BOOST_TEST(!check(0.005).ok);
}

BOOST_AUTO_TEST_CASE(frozen_inputs_and_labels_are_not_differentiated) {
  const auto wrong = [](Vars v) {
    return elementwise("elementwise", v[0], cube, [](double, auto) { return 0.0; }) * v[1];
  };
  BOOST_TEST(!gradcheck(wrong, {{3}, {3}}).ok);
  const auto report = gradcheck(wrong, {{3}, {3}}, {.frozen = {0}});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(!contains(report.text, "input 0"), report.text);
  BOOST_TEST(contains(report.text, "input 1"), report.text);

  const auto labels = Tensor::of<std::int32_t>({2}, {0, 1});
  const auto with_labels =
      gradcheck([](Vars v) { return keel::relu(v[1]); }, {{2}, {2}}, {.inputs = {labels}});
  BOOST_TEST(with_labels.ok, with_labels.text);
  BOOST_TEST(contains(with_labels.text, "input 1 (2): agrees"), with_labels.text);
  BOOST_TEST(!contains(with_labels.text, "input 0"), with_labels.text);
}

BOOST_AUTO_TEST_CASE(given_inputs_are_left_as_they_were) {
  const auto x = Tensor::of<double>({2}, {0.1, -0.7});
  (void)gradcheck([](Vars v) { return v[0] * v[0]; }, {{2}}, {.inputs = {x}});
  BOOST_TEST(x.data<double>()[0] == 0.1);
  BOOST_TEST(x.data<double>()[1] == -0.7);
}

BOOST_AUTO_TEST_CASE(the_function_sees_the_mode_asked_for) {
  for (const auto mode : {keel::Mode::training, keel::Mode::inference}) {
    const auto check_mode = [mode](Vars v) {
      BOOST_TEST((v[0].tape().mode() == mode));
      return v[0] * v[0];
    };
    BOOST_TEST(gradcheck(check_mode, {{2}}, {.mode = mode}).ok);
  }
}

BOOST_AUTO_TEST_CASE(a_single_precision_function_is_refused) {
  const auto single = [](Vars v) {
    return custom({.infer =
                       [](auto) {
                         return std::vector<keel::ValueType>{{Shape{2}, DType::f32}};
                       }},
                  {v[0]});
  };
  BOOST_TEST(text_of<keel::Error>([&] { (void)gradcheck(single, {{2}}); }) ==
             "gradcheck works in f64, but the function returned f32 (2)");
}

BOOST_AUTO_TEST_CASE(an_error_in_the_function_is_passed_on) {
  BOOST_CHECK_THROW((void)gradcheck([](Vars v) { return v[0] + v[1]; }, {{2}, {3}}), keel::ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
