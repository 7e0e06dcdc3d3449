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
#include "keel/ops/power.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;

using Vars = std::span<const Var>;

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Named {
  std::string_view name;
  Var (*function)(const Var& x);
  bool is_linear = false;  // by parts, so that its derivative does not depend on the element
};

constexpr std::array functions{
    Named{"negate", [](const Var& x) { return negate(x); }, true},
    Named{"exp", [](const Var& x) { return exp(x); }},
    Named{"log", [](const Var& x) { return log(x); }},
    Named{"sqrt", [](const Var& x) { return sqrt(x); }},
    Named{"square", [](const Var& x) { return square(x); }},
    Named{"leaky_relu", [](const Var& x) { return leaky_relu(x); }},
    Named{"sigmoid", [](const Var& x) { return sigmoid(x); }},
    Named{"tanh", [](const Var& x) { return tanh(x); }},
    Named{"gelu", [](const Var& x) { return gelu(x); }},
    Named{"abs", [](const Var& x) { return abs(x); }},
    Named{"sign", [](const Var& x) { return sign(x); }, true},
    Named{"floor", [](const Var& x) { return floor(x); }, true},
    Named{"ceil", [](const Var& x) { return ceil(x); }, true},
    Named{"round", [](const Var& x) { return round(x); }, true},
    Named{"clamp", [](const Var& x) { return clamp(x, -1, 2.5); }, true},
    Named{"log1p", [](const Var& x) { return log1p(x); }},
    Named{"expm1", [](const Var& x) { return expm1(x); }},
    Named{"softplus", [](const Var& x) { return softplus(x); }},
    Named{"silu", [](const Var& x) { return silu(x); }},
    Named{"elu", [](const Var& x) { return elu(x, 2.0); }},
    Named{"erf", [](const Var& x) { return erf(x); }},
    Named{"sin", [](const Var& x) { return sin(x); }},
    Named{"cos", [](const Var& x) { return cos(x); }},
    Named{"tan", [](const Var& x) { return tan(x); }},
    Named{"reciprocal", [](const Var& x) { return reciprocal(x); }},
    Named{"pow 3", [](const Var& x) { return pow(x, 3); }},
    Named{"pow 0.5", [](const Var& x) { return pow(x, 0.5); }},
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
             Exact{"log", 1.0F, 0.0},      Exact{"tanh", 0.0F, 0.0},
             Exact{"tanh", -0.0F, -0.0},   Exact{"exp", 0.0F, 1.0},
             Exact{"exp", -0.0F, 1.0},     Exact{"sqrt", 9.0F, 3.0},
             Exact{"sqrt", -0.0F, -0.0},   Exact{"sigmoid", 0.0F, 0.5},
             Exact{"sigmoid", -0.0F, 0.5}, Exact{"gelu", 0.0F, 0.0},
             Exact{"gelu", -0.0F, -0.0},   Exact{"log1p", 0.0F, 0.0},
             Exact{"log1p", -0.0F, -0.0},  Exact{"expm1", 0.0F, 0.0},
             Exact{"expm1", -0.0F, -0.0},  Exact{"silu", -0.0F, -0.0},
             Exact{"erf", 0.0F, 0.0},      Exact{"erf", -0.0F, -0.0},
             Exact{"sin", 0.0F, 0.0},      Exact{"sin", -0.0F, -0.0},
             Exact{"cos", 0.0F, 1.0},      Exact{"tan", -0.0F, -0.0},
             Exact{"elu", -0.0F, -0.0},    Exact{"softplus", 1000.0F, 1000.0},
             Exact{"abs", -0.0F, 0.0},     Exact{"floor", -0.5F, -1.0},
             Exact{"ceil", -0.5F, -0.0},   Exact{"round", 0.5F, 0.0},
             Exact{"round", 1.5F, 2.0},    Exact{"round", -2.5F, -2.0},
             Exact{"clamp", 3.0F, 2.5},    Exact{"clamp", -3.0F, -1.0},
             Exact{"clamp", -1.0F, -1.0},  Exact{"reciprocal", -4.0F, -0.25},
             Exact{"pow 3", -2.0F, -8.0},  Exact{"pow 0.5", 2.25F, 1.5},
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

// As in PyTorch.
BOOST_AUTO_TEST_CASE(gradients_at_corners) {
  const Tensor src = Tensor::of<float>({5}, {-2.0F, -1.0F, 0.0F, 2.5F, 3.0F});
  const auto g = test::values(test::upstream_gradient(Shape{5}));
  struct Corner {
    std::string_view name;
    std::vector<double> derivatives;
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const auto& [name, derivatives] : {
             Corner{"clamp", {0, 1, 1, 1, 0}},
             Corner{"abs", {-1, -1, 0, 1, 1}},
             Corner{"floor", {0, 0, 0, 0, 0}},
             Corner{"pow 3", {12, 3, 0, 18.75, 27}},
         }) {
      const auto result = test::evaluate(
          [&, function = by_name(name).function](Vars v) { return std::vector{function(v[0])}; },
          {.dtype = dtype, .inputs = {src}});
      std::vector<double> expected;
      for (std::size_t i = 0; i < 5; ++i) expected.push_back(g[i] * derivatives[i]);
      BOOST_TEST(test::within(result.gradients[0], expected, 1e-5), name);
    }
    const auto elu_at_zero = evaluate_at(by_name("elu"), {0.0F}, dtype).gradients[0][0];
    BOOST_TEST(elu_at_zero == 2.0 * test::values(test::upstream_gradient(Shape{1}))[0]);
  }
}

BOOST_AUTO_TEST_CASE(bounds_that_make_no_sense_are_refused) {
  Tape tape;
  const Var src = tape.input({2});
  BOOST_TEST(test::throws_with<Error>([&] { clamp(src, std::nullopt); },
                                      {"clamp at elementwise_edges_test.cpp:", "there is no bound"}));
  BOOST_TEST(test::throws_with<Error>([&] { clamp(src, 0.0, std::nan("")); }, {"a bound is NaN"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { erf(tape.input({2}, DType::s32)); },
                                           {"erf(s32 (2)) at elementwise_edges_test.cpp:", "f32 or f64"}));
  const auto contradictory = test::evaluate([](Vars v) { return std::vector{clamp(v[0], 2.0, 1.0)}; },
                                            {.inputs = {Tensor::of<float>({2}, {0.0F, 3.0F})}});
  BOOST_TEST(contradictory.outputs[0] == (std::vector<double>{1, 1}), per_element());
  BOOST_TEST(contradictory.gradients[0] == (std::vector<double>{0, 0}), per_element());
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
             Limits{"abs", infinity, infinity},
             Limits{"sign", -1.0, 1.0},
             Limits{"floor", -infinity, infinity},
             Limits{"clamp", -1.0, 2.5},
             Limits{"expm1", -1.0, infinity},
             Limits{"softplus", 0.0, infinity},
             Limits{"elu", -2.0, infinity},
             Limits{"erf", -1.0, 1.0},
             Limits{"reciprocal", -0.0, 0.0},
             Limits{"pow 3", -infinity, infinity},
         }) {
      BOOST_TEST_CONTEXT(name << ' ' << name_of(dtype))
      BOOST_TEST(values_at(name, {-high, high}, dtype) == (std::vector<double>{low_limit, high_limit}),
                 per_element());
    }
    BOOST_TEST(values_at("log", {high}, dtype)[0] == infinity);
    BOOST_TEST(values_at("sqrt", {high}, dtype)[0] == infinity);
    BOOST_TEST(values_at("log1p", {-1.0F, high}, dtype) == (std::vector<double>{-infinity, infinity}),
               per_element());
    BOOST_TEST(std::isnan(values_at("log1p", {-1.5F}, dtype)[0]));
    for (const auto* name : {"sin", "cos", "tan"}) {
      for (const float x : {-high, high}) BOOST_TEST(std::isnan(values_at(name, {x}, dtype)[0]), name);
    }
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
          if (!named.is_linear) BOOST_TEST(std::isnan(result.gradients[0].back()));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
