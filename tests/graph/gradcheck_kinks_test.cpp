// Kinks are recognised, said, and hold the derivative to what lies between both sides.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "../support/gradcheck_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"

namespace {

using namespace keel;
using namespace keel::testing;
using Vars = std::span<const Var>;

// How much of the gradient goes to the first, second, ... of that many that are equal.
using Share = std::function<double(std::size_t rank, std::size_t ties)>;

// The largest of all elements.
Var largest(const Var& src, const Share& share) {
  const auto infer = [](auto) { return std::vector<ValueType>{{Shape{}, DType::f64}}; };
  const auto bind = kernel_of([](auto from, auto to) { to[0] = *std::ranges::max_element(from); });
  const auto backward = [=](const Binding& binding) {
    return Kernel{[share, src = binding.input<const double>(0), grad = binding.input<const double>(1),
                   to = binding.output<double>(0), count = binding.output_type(0).shape.elements()] {
                    const std::span from{src.get(), static_cast<std::size_t>(count)};
                    const double most = *std::ranges::max_element(from);
                    const auto ties = static_cast<std::size_t>(std::ranges::count(from, most));
                    std::size_t rank = 0;
                    for (std::size_t i = 0; i < from.size(); ++i) {
                      to.get()[i] = from[i] == most ? grad.get()[0] * share(rank++, ties) : 0.0;
                    }
                  },
                  "loop"};
  };
  const auto vjp = [=](const VjpContext& context) {
    return std::vector{
        custom({.name = "largest_backward", .bind = backward}, {context.inputs[0], context.output_grads[0]})};
  };
  return custom({.name = "largest", .infer = infer, .bind = bind, .vjp = vjp}, {src});
}

double to_the_first(std::size_t rank, std::size_t) {
  return rank == 0 ? 1.0 : 0.0;
}
double to_the_last(std::size_t rank, std::size_t ties) {
  return rank + 1 == ties ? 1.0 : 0.0;
}
double to_all_alike(std::size_t, std::size_t ties) {
  return 1.0 / static_cast<double>(ties);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_kinks_test)

BOOST_AUTO_TEST_CASE(relu_at_exactly_zero_is_accepted_and_said) {
  const auto x = Tensor::of<double>({5}, {-1, 0, 2, -0.0, 0.5});
  const auto report = gradcheck([](Vars v) { return relu(v[0]); }, {{5}}, {.inputs = {x}});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST_REQUIRE(report.inputs[0].kinks.size() == 2U, report.text);
  BOOST_TEST(report.inputs[0].kinks[0].element == 1U);
  BOOST_TEST(report.inputs[0].kinks[1].element == 3U);
  BOOST_TEST(contains(report.text, "  kink at element 1: from the left 0, from the right "), report.text);
}

BOOST_AUTO_TEST_CASE(a_slope_within_the_kink_of_an_absolute_value_is_accepted_and_said) {
  const auto check = [](double at_zero) {
    const auto slope = [=](double x, auto) { return x == 0 ? at_zero : x < 0 ? -1.0 : 1.0; };
    return gradcheck(
        [&](Vars v) {
          return elementwise(
              "absolute", v[0], [](double x) { return std::abs(x); }, slope);
        },
        {{1}}, {.inputs = {Tensor{Shape{1}, DType::f64}}});
  };
  const auto within = check(0.3);
  BOOST_TEST(within.ok, within.text);
  BOOST_TEST(contains(within.text, "agrees"), within.text);
  BOOST_TEST(contains(within.text, "kink at element 0"), within.text);
  const auto& kink = within.inputs[0].kinks.at(0);
  BOOST_TEST(kink.left == -kink.right);
  BOOST_TEST(kink.analytic == 0.3 * kink.right, boost::test_tools::tolerance(1e-12));
  const auto outside = check(1.5);
  BOOST_TEST(!outside.ok, outside.text);
  BOOST_TEST(contains(outside.text, "WRONG; worst element 0"), outside.text);
  BOOST_TEST(contains(outside.text, "kink at element 0"), outside.text);
}

BOOST_AUTO_TEST_CASE(a_maximum_where_two_are_equal) {
  const auto x = Tensor::of<double>({4}, {1, 3, -2, 3});
  for (const auto& share : {to_the_first, to_the_last, to_all_alike}) {
    const auto report = gradcheck([&](Vars v) { return largest(v[0], share); }, {{4}}, {.inputs = {x}});
    BOOST_TEST(report.ok, report.text);
    BOOST_TEST(report.inputs[0].kinks.size() == 2U, report.text);
  }
  const auto too_much = [](std::size_t, std::size_t ties) { return ties == 1 ? 1.0 : 1.2; };
  const auto report = gradcheck([&](Vars v) { return largest(v[0], too_much); }, {{4}}, {.inputs = {x}});
  BOOST_TEST(!report.ok, report.text);
  BOOST_TEST(contains(report.text, "at fault: largest at gradcheck_kinks_test.cpp:"), report.text);
}

// A third of the gradient would pass at the ties, but only there.
BOOST_AUTO_TEST_CASE(a_maximum_that_is_wrong_beside_its_ties) {
  const Tensor zeros{Shape{3}, DType::f64};
  const auto third = [](std::size_t, std::size_t) { return 1 / 3.0; };
  const auto report = gradcheck([&](Vars v) { return largest(v[0], third); }, {{3}}, {.inputs = {zeros}});
  BOOST_TEST(!report.ok, report.text);
  BOOST_TEST(report.inputs[0].beside_kinks, report.text);
}

BOOST_AUTO_TEST_CASE(a_kink_within_the_step_is_no_fault) {
  for (double distance = 1e-12; distance < 1e-3; distance *= 10) {
    const auto x = Tensor::of<double>({4}, {-1, distance, -distance, 0.5});
    const auto report = gradcheck([](Vars v) { return relu(v[0]); }, {{4}}, {.inputs = {x}});
    BOOST_TEST(report.ok, report.text);
  }
}

// In the sum over all outputs every row of src meets a kink of its own.
BOOST_AUTO_TEST_CASE(kinks_in_a_sum_over_many_elements) {
  const auto src = random_tensor({40, 6});
  for (std::size_t i = 0; i < 40; i += 4) {
    for (std::size_t c = 0; c < 6; ++c) src.data<double>()[6 * i + c] = 0;
  }
  const auto report = gradcheck([](Vars v) { return sum_to(relu(matmul(v[0], v[1])) * v[2], Shape{}); },
                                {{40, 6}, {6, 5}, {40, 5}}, {.inputs = {src}, .frozen = {0}});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(report.inputs[0].kinks.empty(), report.text);
  const auto wide = gradcheck([](Vars v) { return relu(v[0] * v[1]); }, {{40, 6}, {6}}, {.inputs = {src}});
  BOOST_TEST(wide.ok, wide.text);
  BOOST_TEST(wide.inputs[0].kinks.size() == 60U, wide.text);
}

BOOST_AUTO_TEST_CASE(kinks_along_directions_of_a_large_input) {
  const auto x = random_tensor({4000});
  for (std::size_t i = 0; i < 4000; i += 50) x.data<double>()[i] = 0;
  const auto report = gradcheck([](Vars v) { return relu(v[0]); }, {{4000}}, {.inputs = {x}});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(!report.inputs[0].kinks.empty(), report.text);
  BOOST_TEST(contains(report.text, "kink along a random direction"), report.text);
}

// A staircase of a million kinks is no function to check, even if it may be differentiated between them.
BOOST_AUTO_TEST_CASE(a_function_of_nothing_but_kinks_is_refused) {
  const auto sawtooth = [](double x) { return std::abs(std::remainder(x * 1e9, 2.0)) * 1e-9; };
  const auto report = gradcheck(
      [&](Vars v) { return elementwise("sawtooth", v[0], sawtooth, [](double, auto) { return 0.0; }); },
      {{12}});
  BOOST_TEST(!report.ok, report.text);
}

// Right on both sides of 0, where it has to be between -1 and 1.
BOOST_AUTO_TEST_CASE(a_value_at_a_kink_that_is_out_of_range) {
  const auto check = [](double at_zero) {
    const auto derivative = [=](double x, auto) { return x == 0 ? at_zero : x < 0 ? -1.0 : 1.0; };
    return gradcheck(
        [&](Vars v) {
          return elementwise(
              "absolute", v[0], [](double x) { return std::abs(x); }, derivative);
        },
        {{3}}, {.inputs = {Tensor::of<double>({3}, {-1, 0, 2})}});
  };
  for (const double right : {-1.0, 0.0, 0.3, 1.0}) BOOST_TEST(check(right).ok, check(right).text);
  for (const double wrong : {-1.5, 1.001, 1.5}) {
    const auto report = check(wrong);
    check_blamed(report, "absolute", 0);
    BOOST_TEST(report.inputs[0].worst.element == 1U, report.text);
    BOOST_TEST(report.inputs[0].worst.kink, report.text);
  }
}

// At zeros alone, half the derivative is as good as any.
BOOST_AUTO_TEST_CASE(a_fault_that_kinks_would_hide) {
  const auto check = [](double slope) {
    const auto derivative = [=](double x, auto) { return x > 0 ? slope : 0.0; };
    const auto relu = [](double x) { return std::max(x, 0.0); };
    return gradcheck([&](Vars v) { return elementwise("rectify", v[0], relu, derivative); }, {{3, 4}},
                     {.inputs = {Tensor{Shape{3, 4}, DType::f64}}});
  };
  const auto right = check(1.0);
  BOOST_TEST(right.ok, right.text);
  BOOST_TEST(right.inputs[0].kinks.size() == 12U, right.text);
  const auto wrong = check(0.5);
  check_blamed(wrong, "rectify", 0);
  BOOST_TEST(contains(wrong.text, "found with the inputs moved off their kinks"), wrong.text);
}

BOOST_AUTO_TEST_SUITE_END()
