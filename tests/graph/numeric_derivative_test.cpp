// Derivatives measured by differences: of smooth functions whatever their scale, and at kinks.

#include "keel/graph/numeric_derivative.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

namespace {

using namespace keel;
using Kind = NumericDerivative::Kind;

constexpr double step = 1e-5;
constexpr DerivativeTolerance tolerance{.relative = 1e-6, .absolute = 1e-7};

// Of function at x, as a sum of one term.
NumericDerivative derivative(const std::function<double(double)>& function, double x) {
  const auto line = [&](double h) {
    const double there = function(x + h);
    const double here = function(x);
    const double rounding = std::numeric_limits<double>::epsilon() * std::abs(here);
    return Change{.step = (x + h) - x,
                  .terms = {there - here},
                  .rounding = there == here ? 0.0 : rounding,
                  .hidden = rounding};
  };
  return numeric_derivative(line, step, tolerance);
}

void check_smooth(const std::function<double(double)>& function, double x, double expected) {
  const auto found = derivative(function, x);
  BOOST_TEST((found.kind == Kind::smooth), "at " << x << ": " << found.left << " " << found.right);
  BOOST_TEST(std::abs(found.value - expected) <= tolerance.of(expected),
             "at " << x << ": " << found.value << " for " << expected);
}

double relu(double x) {
  return x > 0 ? x : 0.0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(numeric_derivative_test)

BOOST_AUTO_TEST_CASE(smooth_functions) {
  for (const double x : {-3.0, -0.5, 0.0, 1e-3, 0.7, 20.0}) {
    check_smooth([](double t) { return t * t * t; }, x, 3 * x * x);
    check_smooth([](double t) { return std::exp(t); }, x, std::exp(x));
    check_smooth([](double t) { return std::sin(t); }, x, std::cos(x));
  }
}

// At a step of 1e-5 the difference of 1/x is off by a relative (step/x)^2, up to 10^-2 here.
BOOST_AUTO_TEST_CASE(functions_for_which_the_step_is_too_large) {
  for (const double x : {1e-2, 1e-3, 1e-4}) check_smooth([](double t) { return 1 / t; }, x, -1 / (x * x));
  check_smooth([](double t) { return std::sin(1e4 * t); }, 0.3, 1e4 * std::cos(3e3));
}

// At a step of 1e-5 the rounding of the value alone is off by 1e-16 * offset / 1e-5.
BOOST_AUTO_TEST_CASE(functions_for_which_the_step_is_too_small) {
  for (const double offset : {1e3, 1e4, 3e4}) {
    check_smooth([=](double t) { return offset + std::sin(t); }, 0.5, std::cos(0.5));
  }
}

// Rounding makes (x + offset) - offset a staircase, with stairs of 1.9e-6 for 1e10, on which smaller steps
// change nothing. However well those agree, its derivative is not 0; nor is it a number of stairs over a step
// that comes out at several steps by chance. The steps on which nothing changes tell how high the stairs are:
// over a step of 1 those of 1e7 are small beside the tolerance, those of 1e8 are not. They are taken for two at the
// most, over a step of 0.1, extrapolated (by 1.2), beside a drift of 17, four times over: 170 at the most.
BOOST_AUTO_TEST_CASE(steps_that_rounding_spoils_do_not_count) {
  for (double x = 0.1; x < 2.0; x += 0.0123) {
    for (const double offset : {1e3, 1e4, 1e6, 1e7})
      check_smooth([=](double t) { return (t + offset) - offset; }, x, 1.0);
    for (const double offset : {1e8, 1e9, 1e10}) {
      const auto stairs = derivative([=](double t) { return (t + offset) - offset; }, x);
      BOOST_TEST((stairs.kind == Kind::rounded), x << ", " << offset << ": " << stairs.value);
      BOOST_TEST(std::abs(stairs.value - 1.0) <= stairs.error, x << ", " << offset << ": " << stairs.value);
      BOOST_TEST(stairs.error < 170 * 0x1p-52 * offset, x << ", " << offset << ": " << stairs.error);
    }
  }
}

// No step brings the difference out of the rounding of 1e12, 1.2e-4; what is known of the slope is said.
BOOST_AUTO_TEST_CASE(what_rounding_hides_is_known_give_or_take_its_error) {
  const auto found = derivative([](double t) { return 1e12 + std::sin(t); }, 0.5);
  BOOST_TEST((found.kind == Kind::rounded));
  BOOST_TEST(std::abs(found.value - std::cos(0.5)) <= found.error);
  BOOST_TEST(found.error < 0.1);
  BOOST_TEST(found.error > 1e-6);
}

BOOST_AUTO_TEST_CASE(a_plateau_has_the_derivative_zero) {
  check_smooth([](double t) { return std::floor(t); }, 0.999, 0.0);
  check_smooth([](double t) { return std::max(0.0, std::abs(t) - 1e-3); }, 2e-4, 0.0);
}

BOOST_AUTO_TEST_CASE(constants) {
  const auto found = derivative([](double) { return 3.0; }, 0.5);
  BOOST_TEST((found.kind == Kind::smooth && found.constant && found.value == 0));
  const auto slow = derivative([](double t) { return 1e-9 * t; }, 0.5);
  BOOST_TEST(!slow.constant);
}

BOOST_AUTO_TEST_CASE(a_kink_at_the_point) {
  const auto found = derivative(relu, 0.0);
  BOOST_TEST((found.kind == Kind::kink));
  BOOST_TEST((found.left == 0 && found.right == 1));
  BOOST_TEST((found.low == 0 && found.high == 1));
  const auto curved = derivative([](double t) { return std::abs(t) + std::exp(t); }, 0.0);
  BOOST_TEST((curved.kind == Kind::kink));
  BOOST_TEST(std::abs(curved.left - 0.0) < 1e-7);
  BOOST_TEST(std::abs(curved.right - 2.0) < 1e-7);
}

// Whatever the distance, the derivative is found, and not mixed with that of the other side; too near to be
// told apart, both are named.
BOOST_AUTO_TEST_CASE(a_kink_beside_the_point) {
  for (double distance = 1e-13; distance < 1e-2; distance *= 1.7) {
    for (const double x : {distance, -distance}) {
      const auto found = derivative([](double t) { return relu(t) + 0.1 * std::sin(t); }, x);
      const double expected = (x > 0 ? 1.0 : 0.0) + 0.1 * std::cos(x);
      if (found.kind == Kind::smooth) {
        BOOST_TEST(std::abs(found.value - expected) <= tolerance.of(expected), "at " << x);
      } else {
        BOOST_TEST((found.kind == Kind::kink), "at " << x);
        BOOST_TEST((found.low <= expected && expected <= found.high), "at " << x);
        BOOST_TEST(distance < 1e-8, "at " << x);
      }
    }
  }
}

// The second derivative's jump makes the central difference off by step / 4, which is no kink.
BOOST_AUTO_TEST_CASE(a_jump_of_the_second_derivative_is_no_kink) {
  const auto huber = [](double t) { return std::abs(t) < 1 ? 0.5 * t * t : std::abs(t) - 0.5; };
  check_smooth(huber, 1.0, 1.0);
  check_smooth(huber, -1.0, -1.0);
  check_smooth([](double t) { return t > 0 ? t * t : 0.0; }, 0.0, 0.0);
}

BOOST_AUTO_TEST_CASE(what_has_no_derivative_is_not_settled) {
  for (const auto& function : std::vector<std::function<double(double)>>{
           [](double t) { return std::sqrt(t); }, [](double t) { return std::sqrt(std::abs(t)); },
           [](double t) { return t > 0 ? 1.0 : 0.0; }, [](double t) { return t >= 0 ? 1.0 : 0.0; },
           [](double t) { return t == 0 ? 0.0 : t * std::sin(1 / t); }, [](double t) { return 1 / t; }}) {
    const auto found = derivative(function, 0.0);
    BOOST_TEST((found.kind == Kind::unsettled), found.value);
  }
}

// 2 |x| - |x| as two terms: their sum has the slopes -1 and 1, but with each term's slope chosen by itself
// anything between -3 and 3 may come out.
BOOST_AUTO_TEST_CASE(terms_have_kinks_of_their_own) {
  const auto line = [](double h) { return Change{.step = h, .terms = {2 * std::abs(h), -std::abs(h)}}; };
  const auto found = numeric_derivative(line, step, tolerance);
  BOOST_TEST((found.kind == Kind::kink));
  BOOST_TEST((found.left == -1 && found.right == 1));
  BOOST_TEST((found.low == -3 && found.high == 3));
}

BOOST_AUTO_TEST_SUITE_END()
