#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "../support/gradcheck_support.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/softmax.hpp"

// A derivative is right or wrong whatever the function is multiplied by or added to.

namespace {

using keel::gradcheck;
using keel::GradcheckReport;
using keel::Var;
using keel::testing::contains;
using keel::testing::elementwise;
using Vars = std::span<const Var>;

// scale * x * x, whose derivative is made `factor` times too large.
GradcheckReport check_square(double scale, double factor) {
  return gradcheck(
      [&](Vars v) {
        return elementwise(
            "square", v[0], [&](double x) { return scale * x * x; },
            [&](double x, auto) { return factor * 2.0 * scale * x; });
      },
      {{5}});
}

// offset + x * x likewise.
GradcheckReport check_shifted(double offset, double factor) {
  return gradcheck(
      [&](Vars v) {
        return offset + elementwise(
                            "square", v[0], [](double x) { return x * x; },
                            [&](double x, auto) { return factor * 2.0 * x; });
      },
      {{5}});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_scale_test)

BOOST_AUTO_TEST_CASE(a_wrong_factor_is_caught_at_every_scale) {
  for (const double scale : {1e-30, 1e-16, 1e-8, 1e-4, 1.0, 1e8, 1e30}) {
    const auto right = check_square(scale, 1.0);
    BOOST_TEST(right.ok, right.text);
    for (const double factor : {2.0, 0.5, -1.0, 0.0, 1.001}) {
      const auto wrong = check_square(scale, factor);
      BOOST_TEST(!wrong.ok, scale << ", " << factor << ": " << wrong.text);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_small_element_beside_large_ones_is_held_to_its_own_scale) {
  const std::array scales{1.0, 1e-6, 1e3};
  const auto check = [&](double factor) {
    return gradcheck(
        [&](Vars v) {
          const auto scaled = [&](double x, std::int64_t i) {
            return scales.at(static_cast<std::size_t>(i)) * (i == 1 ? factor : 1.0) * std::cos(x);
          };
          const auto loop = keel::testing::kernel_of([&](auto from, auto to) {
            for (std::size_t i = 0; i < to.size(); ++i) to[i] = scales.at(i) * std::sin(from[i]);
          });
          const auto vjp = [&, scaled](const keel::VjpContext& context) {
            const auto backward = [scaled](const keel::Binding& binding) {
              return keel::Kernel{[scaled, x = binding.input<const double>(0),
                                   grad = binding.input<const double>(1), dst = binding.output<double>(0)] {
                                    for (std::int64_t i = 0; i < 3; ++i)
                                      dst.get()[i] = grad.get()[i] * scaled(x.get()[i], i);
                                  },
                                  "loop"};
            };
            return std::vector{keel::testing::custom({.name = "backward", .bind = backward},
                                                     {context.inputs[0], context.output_grads[0]})};
          };
          return keel::testing::custom({.name = "sines", .bind = loop, .vjp = vjp}, {v[0]});
        },
        {{3}});
  };
  BOOST_TEST(check(1.0).ok, check(1.0).text);
  BOOST_TEST(!check(2.0).ok, check(2.0).text);
}

BOOST_AUTO_TEST_CASE(a_right_derivative_under_a_large_constant_is_not_called_wrong) {
  for (const double offset : {1.0, 1e4, 1e8, -1e10, 1e12}) {
    const auto right = check_shifted(offset, 1.0);
    BOOST_TEST(right.ok, right.text);
  }
  const auto sum = gradcheck([](Vars v) { return 1e8 + keel::sum(v[0] * v[0]); }, {{4, 3}});
  BOOST_TEST(sum.ok, sum.text);
  const auto inner = gradcheck([](Vars v) { return keel::sum(1e8 + v[0] * v[0]); }, {{4, 3}});
  BOOST_TEST(inner.ok, inner.text);
}

BOOST_AUTO_TEST_CASE(what_rounding_hides_is_said) {
  const auto report = check_shifted(1e12, 1.0);
  BOOST_TEST(contains(report.text, "rounding of the function hides what is smaller than"), report.text);
  BOOST_TEST(report.inputs[0].unknown > 0.0);
  BOOST_TEST(!contains(check_shifted(0.0, 1.0).text, "rounding of the function hides"));
}

BOOST_AUTO_TEST_CASE(a_wrong_derivative_under_a_large_constant_is_caught_where_it_can_be_told) {
  for (const double offset : {1.0, 1e4, 1e8, -1e10}) {
    for (const double factor : {2.0, 0.5, 0.0}) {
      const auto wrong = check_shifted(offset, factor);
      BOOST_TEST(!wrong.ok, offset << ", " << factor << ": " << wrong.text);
    }
  }
}

// Each probability grows at the others' cost, so that their sum, 1, has no derivative but rounding.
BOOST_AUTO_TEST_CASE(a_gradient_that_is_zero_but_for_rounding_is_right_and_any_other_is_wrong) {
  const auto sum = [](Vars v) { return keel::sum(keel::softmax(v[0]), {1}); };
  const auto right = gradcheck(sum, {{4, 6}});
  BOOST_TEST(right.ok, right.text);
  const auto wrong = gradcheck(
      [&](Vars v) {
        return sum(v) + elementwise(
                            "nothing", keel::sum(v[0], {1}), [](double) { return 0.0; },
                            [](double, auto) { return 1e-8; });
      },
      {{4, 6}});
  BOOST_TEST(!wrong.ok, wrong.text);
}

// In a * x * x + y * y no step in x is seen where a is small: then the square is checked by itself.
BOOST_AUTO_TEST_CASE(a_gradient_far_below_the_function_s_rounding_is_judged_by_the_operators) {
  const auto check = [](double scale, double factor) {
    const auto square = [](const Var& src, double a, double wrong) {
      return elementwise(
          "square", src, [=](double x) { return a * x * x; },
          [=](double x, auto) { return wrong * 2.0 * a * x; });
    };
    return gradcheck([&](Vars v) { return square(v[0], scale, factor) + square(v[1], 1.0, 1.0); },
                     {{3}, {3}});
  };
  for (const double scale : {1e-12, 1e-14, 1e-15, 1e-16, 1e-18, 1e-30, 1e-200}) {
    const auto right = check(scale, 1.0);
    BOOST_TEST(right.ok, scale << ": " << right.text);
    BOOST_TEST(!contains(right.text, "nothing depends on it"), right.text);
    for (const double factor : {2.0, 0.0, -1.0, 0.5}) {
      const auto wrong = check(scale, factor);
      BOOST_TEST(!wrong.ok, scale << ", " << factor << ": " << wrong.text);
      BOOST_TEST(contains(wrong.text, "at fault: square at gradcheck_scale_test.cpp:"), wrong.text);
    }
  }
  const auto right = check(1e-30, 1.0);
  BOOST_TEST(contains(right.text, "input 0 (3): no step changes the function by more than its rounding"),
             right.text);
  BOOST_TEST(!contains(right.text, "exactly zero"), right.text);
  BOOST_TEST(contains(right.text, "its operators were checked by themselves"), right.text);
}

// Of 1e17 + x a double keeps nothing of x: no difference can tell a derivative of 1 from one of 2.
BOOST_AUTO_TEST_CASE(what_no_difference_can_tell_does_not_count_as_right) {
  for (const double factor : {1.0, 2.0, 0.0}) {
    const auto report = check_shifted(1e17, factor);
    BOOST_TEST(!report.ok, report.text);
    if (factor == 1.0) {
      BOOST_TEST(contains(report.text, "can't be told: add at gradcheck_scale_test.cpp:"), report.text);
      BOOST_TEST(report.faults.empty(), report.text);
    } else {
      BOOST_TEST(contains(report.text, "at fault: square"), report.text);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_input_that_nothing_depends_on_is_said) {
  const auto report = gradcheck([](Vars v) { return v[0] * v[0]; }, {{3}, {2}});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(contains(report.text, "input 1 (2): nothing depends on it"), report.text);
  BOOST_TEST(contains(report.text, "input 0 (3): agrees"), report.text);
  BOOST_TEST(!contains(report.text, "input 1 (2): agrees"), report.text);
}

BOOST_AUTO_TEST_SUITE_END()
