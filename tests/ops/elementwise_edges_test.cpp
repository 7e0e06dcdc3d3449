// The functions of one array where they are exact, end, or have no value, in f32 and f64 alike.

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/elementwise.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;

using Vars = std::span<const Var>;

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Named {
  std::string_view name;
  Var (*function)(const Var& x);
};

constexpr std::array functions{
    Named{"negate", [](const Var& x) { return negate(x); }},
    Named{"exp", [](const Var& x) { return exp(x); }},
    Named{"log", [](const Var& x) { return log(x); }},
    Named{"sqrt", [](const Var& x) { return sqrt(x); }},
    Named{"square", [](const Var& x) { return square(x); }},
    Named{"leaky_relu", [](const Var& x) { return leaky_relu(x); }},
    Named{"sigmoid", [](const Var& x) { return sigmoid(x); }},
    Named{"tanh", [](const Var& x) { return tanh(x); }},
    Named{"gelu", [](const Var& x) { return gelu(x); }},
};

const Named& by_name(std::string_view name) {
  return *std::ranges::find(functions, name, &Named::name);
}

// The values, and the gradients by an upstream gradient of random numbers.
test::Evaluation evaluate_at(const Named& named, std::vector<float> elements, DType dtype) {
  const auto count = static_cast<std::int64_t>(elements.size());
  return test::evaluate(
      [&named](Vars v) { return std::vector{named.function(v[0])}; },
      {.dtype = dtype, .inputs = {Tensor::of<float>({count}, std::span<const float>{elements})}});
}

std::vector<double> values_at(std::string_view name, std::vector<float> elements, DType dtype) {
  return evaluate_at(by_name(name), std::move(elements), dtype).outputs[0];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(elementwise_edges_test)

BOOST_AUTO_TEST_CASE(exact_where_the_function_is) {
  struct Exact {
    std::string_view name;
    float x;
    double y;
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const auto& [name, x, y] : {
             Exact{"log", 1.0F, 0.0},
             Exact{"tanh", 0.0F, 0.0},
             Exact{"tanh", -0.0F, -0.0},
             Exact{"exp", 0.0F, 1.0},
             Exact{"exp", -0.0F, 1.0},
             Exact{"sqrt", 9.0F, 3.0},
             Exact{"sqrt", -0.0F, -0.0},
             Exact{"sigmoid", 0.0F, 0.5},
             Exact{"sigmoid", -0.0F, 0.5},
             Exact{"gelu", 0.0F, 0.0},
             Exact{"gelu", -0.0F, -0.0},
         }) {
      const double value = values_at(name, {x}, dtype)[0];
      BOOST_TEST_CONTEXT(name << " of " << x << ", " << name_of(dtype)) {
        BOOST_TEST(value == y);
        BOOST_TEST(std::signbit(value) == std::signbit(y));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(leaky_relu_s_gradient_at_exactly_zero_is_its_slope) {
  const Tensor src = Tensor::of<float>({4}, {-2.0F, -0.0F, 0.0F, 0x1p-126F});
  const auto g = test::values(test::upstream_gradient(Shape{4}));
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const double slope : {0.25, 0.0, 1.0, 2.0}) {
      const auto result = test::evaluate([&](Vars v) { return std::vector{leaky_relu(v[0], slope)}; },
                                         {.dtype = dtype, .inputs = {src}});
      BOOST_TEST(result.outputs[0] == (std::vector<double>{-2 * slope, 0, 0, 0x1p-126}), per_element());
      BOOST_TEST(result.gradients[0] == (std::vector<double>{slope * g[0], slope * g[1], slope * g[2], g[3]}),
                 per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(poles_and_edges) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    BOOST_TEST_CONTEXT(name_of(dtype)) {
      const auto g = test::values(test::upstream_gradient(Shape{1}))[0];
      const auto log_at_zero = evaluate_at(by_name("log"), {0.0F}, dtype);
      BOOST_TEST(log_at_zero.outputs[0][0] == -infinity);
      BOOST_TEST(log_at_zero.gradients[0][0] == std::copysign(infinity, g));
      BOOST_TEST(std::isnan(values_at("log", {-1.0F}, dtype)[0]));

      const auto sqrt_at_zero = evaluate_at(by_name("sqrt"), {0.0F}, dtype);
      BOOST_TEST(sqrt_at_zero.outputs[0][0] == 0.0);
      BOOST_TEST(sqrt_at_zero.gradients[0][0] == std::copysign(infinity, g));
      BOOST_TEST(std::isnan(values_at("sqrt", {-1.0F}, dtype)[0]));

      const auto negated = values_at("negate", {0.0F, -0.0F}, dtype);
      BOOST_TEST(std::signbit(negated[0]));
      BOOST_TEST(!std::signbit(negated[1]));

      BOOST_TEST(values_at("exp", {-1000.0F}, dtype)[0] == 0.0);
      BOOST_TEST(values_at("exp", {1000.0F}, dtype)[0] == infinity);
      BOOST_TEST(values_at("sigmoid", {-1000.0F, 1000.0F}, dtype) == (std::vector<double>{0, 1}),
                 per_element());
      BOOST_TEST(values_at("tanh", {-1000.0F, 1000.0F}, dtype) == (std::vector<double>{-1, 1}),
                 per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(infinities) {
  constexpr float high = std::numeric_limits<float>::infinity();
  struct Limits {
    std::string_view name;
    double at_minus_infinity;
    double at_infinity;
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const auto& [name, low_limit, high_limit] : {
             Limits{"negate", infinity, -infinity},
             Limits{"exp", 0.0, infinity},
             Limits{"square", infinity, infinity},
             Limits{"leaky_relu", -infinity, infinity},
             Limits{"sigmoid", 0.0, 1.0},
             Limits{"tanh", -1.0, 1.0},
         }) {
      BOOST_TEST_CONTEXT(name << ' ' << name_of(dtype))
      BOOST_TEST(values_at(name, {-high, high}, dtype) == (std::vector<double>{low_limit, high_limit}),
                 per_element());
    }
    BOOST_TEST(values_at("log", {high}, dtype)[0] == infinity);
    BOOST_TEST(values_at("sqrt", {high}, dtype)[0] == infinity);
    const auto gelu_limits = values_at("gelu", {-high, high}, dtype);
    BOOST_TEST(std::isnan(gelu_limits[0]));
    BOOST_TEST(gelu_limits[1] == infinity);
  }
}

BOOST_AUTO_TEST_CASE(nan_is_never_lost) {
  for (const auto& named : functions) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      // One of a vector's width and one of a remainder, which a kernel may handle by different code.
      for (const std::size_t count : {1U, 16U, 67U}) {
        std::vector<float> elements(count, 1.0F);
        elements.back() = std::numeric_limits<float>::quiet_NaN();
        const auto result = evaluate_at(named, elements, dtype);
        BOOST_TEST_CONTEXT(named.name << ' ' << name_of(dtype) << ", " << count << " elements") {
          BOOST_TEST(std::isnan(result.outputs[0].back()));
          // Of the gradient as well, where the derivative depends on the element.
          if (named.name != "negate") BOOST_TEST(std::isnan(result.gradients[0].back()));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
