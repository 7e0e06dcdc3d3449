#include "keel/ops/elementwise.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;
using test::unit_roundoff;

using Vars = std::span<const Var>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double u = unit_roundoff;
constexpr double smallest = 0x1p-125;  // oneDNN's exponential gives 0 for what is less

// oneDNN's polynomials are good to a few units in the last place: 8 u allows for three bits. An exponential
// is that of a remainder, exact to u times what it was taken from.
double exp_error(double x) {
  return (std::abs(x) + 8.0) * u;
}

// Of oneDNN 2's erf, Abramowitz and Stegun 7.1.26: good to 1.5e-7, and its five terms come to 5 and cancel,
// which is 8 u more. Of oneDNN 3's, piecewise polynomials: 6.6e-7 was measured, over 4 million points from
// -12 to 12.
constexpr double erf_error = 11.1 * u;

double normal_density(double x) {
  return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
}

struct Named {
  std::string name;
  Var (*function)(const Var& x);
  double (*error)(double x, double y);                  // of y in f32
  double (*grad_error)(double x, double y, double dx);  // of dx, by an upstream gradient of 1
  bool positive = false;                                // defined for positive numbers alone
};

// A product with the upstream gradient, which is one more rounding, is not counted in grad_error.
const std::vector<Named> functions{
    {"negate", [](const Var& x) { return negate(x); }, [](double, double) { return 0.0; },
     [](double, double, double) { return 0.0; }},
    {"exp", [](const Var& x) { return exp(x); },
     [](double x, double y) { return exp_error(x) * y + smallest; },
     [](double x, double y, double) { return exp_error(x) * y + smallest; }},
    {"log", [](const Var& x) { return log(x); },
     [](double, double y) { return test::transcendental_error + u * std::abs(y); },
     [](double, double, double) { return 0.0; }, true},
    // correctly rounded; dx = 1 / 2y
    {"sqrt", [](const Var& x) { return sqrt(x); }, [](double, double y) { return u * y; },
     [](double, double, double dx) { return 1.01 * u * dx; }, true},
    {"square", [](const Var& x) { return square(x); }, [](double, double y) { return u * y + smallest; },
     [](double, double, double) { return 0.0; }},
    // the slope is rounded to f32, and so is the product
    {"leaky_relu", [](const Var& x) { return leaky_relu(x); },
     [](double x, double y) { return x > 0.0 ? 0.0 : 2.01 * u * std::abs(y); },
     [](double x, double, double dx) { return x > 0.0 ? 0.0 : u * dx; }},
    // y = 1 / (1 + e^-x): the relative error of e^-x counts as e^-x / (1 + e^-x) = 1 - y
    {"sigmoid", [](const Var& x) { return sigmoid(x); },
     [](double x, double y) { return (exp_error(x) * (1.0 - y) + 3.0 * u) * y + smallest; },
     [](double x, double y, double dx) {
       return (exp_error(x) * (1.0 - y) + 3.0 * u) * y + 3.0 * u * dx + smallest;
     }},
    // dx = 1 - y^2
    {"tanh", [](const Var& x) { return tanh(x); }, [](double, double y) { return 8.0 * u * std::abs(y); },
     [](double, double y, double) { return 16.0 * u * y * y + 3.0 * u; }},
    // y = x (1 + erf) / 2, dx = (1 + erf) / 2 + x density
    {"gelu", [](const Var& x) { return gelu(x); },
     [](double x, double y) { return std::abs(x) / 2.0 * erf_error + 4.0 * u * std::abs(y); },
     [](double x, double, double) {
       return erf_error / 2.0 + 4.0 * u +
              std::abs(x) * normal_density(x) * (exp_error(x * x / 2.0) + 4.0 * u);
     }},
};

test::Function recorded(const Named& named) {
  return [&named](Vars v) { return std::vector{named.function(v[0])}; };
}

const Named& by_name(std::string_view name) {
  return *std::ranges::find(functions, name, &Named::name);
}

// The values, and the gradients by an upstream gradient of random numbers.
test::Evaluation evaluate_at(const Named& named, std::vector<float> elements, DType dtype) {
  const auto count = static_cast<std::int64_t>(elements.size());
  return test::evaluate(
      recorded(named),
      {.dtype = dtype, .inputs = {Tensor::of<float>({count}, std::span<const float>{elements})}});
}

std::vector<double> values_at(std::string_view name, std::vector<float> elements, DType dtype) {
  return evaluate_at(by_name(name), std::move(elements), dtype).outputs[0];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(elementwise_test)

BOOST_AUTO_TEST_CASE(f32_agrees_with_the_reference) {
  for (const auto& named : functions) {
    for (const auto& shape : {Shape{}, Shape{1}, Shape{7}, Shape{13, 31}, Shape{2, 3, 5, 1},
                              Shape{2, 3, 1, 2, 1, 5}, Shape{64, 128}, Shape{1024, 1031}}) {
      Tensor src = test::random_tensor(shape, 1, 3.0);
      if (named.positive)
        for (auto& value : src.data<float>()) value = std::abs(value) + 1e-6F;
      const auto actual = test::evaluate(recorded(named), {.inputs = {src}});
      const auto expected = test::evaluate(recorded(named), {.dtype = DType::f64, .inputs = {src}});
      const auto upstream = test::values(test::upstream_gradient(shape));
      const auto x = test::values(src);
      const auto& y = expected.outputs[0];
      std::vector<double> bounds;
      std::vector<double> grad_bounds;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double grad = expected.gradients[0][i];
        const double g = std::abs(upstream[i]);
        bounds.push_back(named.error(x[i], y[i]));
        // To first order, times 1.01 for the rest.
        grad_bounds.push_back(1.01 *
                              (g * named.grad_error(x[i], y[i], std::abs(grad) / g) + u * std::abs(grad)));
      }
      BOOST_TEST_CONTEXT(named.name << ' ' << to_string(shape)) {
        BOOST_TEST(test::within(actual.outputs[0], y, bounds));
        BOOST_TEST(test::within(actual.gradients[0], expected.gradients[0], grad_bounds));
        for (const auto& implementation : actual.implementations)
          BOOST_TEST(!implementation.starts_with("ref"), "oneDNN's generic kernel is slow");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(known_values) {
  struct Known {
    std::string_view name;
    float x;
    double y;
  };
  for (const auto& [name, x, y] : {
           Known{"negate", 3.0F, -3.0},
           Known{"exp", 1.0F, std::numbers::e},
           Known{"exp", 0.0F, 1.0},
           Known{"log", 2.0F, std::numbers::ln2},
           Known{"sqrt", 2.0F, std::numbers::sqrt2},
           Known{"square", -3.0F, 9.0},
           Known{"leaky_relu", -2.0F, -0.02},
           Known{"leaky_relu", 2.0F, 2.0},
           Known{"sigmoid", 0.0F, 0.5},
           Known{"sigmoid", 1.0F, 0.7310585786300049},
           Known{"sigmoid", -1.0F, 0.2689414213699951},
           Known{"tanh", 1.0F, 0.7615941559557649},
           Known{"gelu", 1.0F, 0.8413447460685429},
           Known{"gelu", -1.0F, -0.15865525393145707},
           Known{"gelu", 0.0F, 0.0},
       }) {
    BOOST_TEST_CONTEXT(name << " of " << x) {
      const double wide = values_at(name, {x}, DType::f64)[0];
      const double single = values_at(name, {x}, DType::f32)[0];
      BOOST_TEST(std::abs(wide - y) <= 0x1p-52 * std::abs(y));
      BOOST_TEST(std::abs(single - y) <= by_name(name).error(static_cast<double>(x), y));
    }
  }
}

BOOST_AUTO_TEST_CASE(known_derivatives) {
  const auto g = test::values(test::upstream_gradient(Shape{1}))[0];
  const auto derivative_at_one = [&](std::string_view name) {
    return evaluate_at(by_name(name), {1.0F}, DType::f64).gradients[0][0] / g;
  };
  const auto is_about = [](double actual, double expected) {
    return std::abs(actual - expected) <= 0x1p-51 * std::abs(expected);
  };
  BOOST_TEST(is_about(derivative_at_one("gelu"), 1.0833154705876863));
  BOOST_TEST(is_about(derivative_at_one("sigmoid"), 0.19661193324148185));
  BOOST_TEST(is_about(derivative_at_one("tanh"), 0.41997434161402614));
}

// The reference keeps its digits where (1 + erf) / 2 has none left.
BOOST_AUTO_TEST_CASE(the_reference_is_exact_in_the_tails) {
  const double tail = values_at("gelu", {-10.0F}, DType::f64)[0];
  BOOST_TEST(std::abs(tail / -7.619853024160526e-23 - 1.0) < 1e-13);
  BOOST_TEST(values_at("sigmoid", {-700.0F}, DType::f64)[0] == std::exp(-700.0));
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
    BOOST_TEST((std::isnan(gelu_limits[0]) || gelu_limits[0] == 0.0));
    // oneDNN 3 in f32 multiplies infinity by zero.
    BOOST_TEST((gelu_limits[1] == infinity || (dtype == DType::f32 && std::isnan(gelu_limits[1]))));
  }
}

BOOST_AUTO_TEST_CASE(nan_is_never_lost) {
  for (const auto& named : functions) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      // One of a vector's width and one of a remainder, which a kernel may handle by different code.
      for (const std::size_t count : {1U, 16U, 67U}) {
        std::vector<float> elements(count, 1.0F);
        elements.back() = std::numeric_limits<float>::quiet_NaN();
        const double last = evaluate_at(named, elements, dtype).outputs[0].back();
        BOOST_TEST_CONTEXT(named.name << ' ' << name_of(dtype) << ", " << count << " elements") {
          const bool is_infinite_at_worst = named.name == "exp" && dtype == DType::f32;
          BOOST_TEST((std::isnan(last) || (is_infinite_at_worst && std::isinf(last))));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(labels_are_refused_by_name) {
  Tape tape;
  const Var labels = tape.input(Shape{3}, DType::s32);
  for (const auto& named : functions) {
    BOOST_TEST(test::throws_with<ShapeError>([&] { named.function(labels); },
                                             {named.name + "(s32 (3))", "f32 or f64, not s32"}));
  }
  const std::string line = "elementwise_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { -labels; };
  BOOST_TEST(test::throws_with<ShapeError>(call, {"negate(s32 (3))", line}));
}

BOOST_AUTO_TEST_CASE(a_slope_without_a_sign_to_tell_by_is_refused) {
  Tape tape;
  const Var src = tape.input(Shape{3});
  const std::string line = "elementwise_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { leaky_relu(src, -0.5); };
  BOOST_TEST(test::throws_with<Error>(call, {"leaky_relu at", line, "the slope is -0.5", "at least 0"}));
  for (const double slope : {infinity, std::numeric_limits<double>::quiet_NaN(), 1e300})
    BOOST_TEST(test::throws_with<Error>([&] { leaky_relu(src, slope); }, {"must be finite"}));
}

// Of a chain of three, every one works in the memory of the one before.
BOOST_AUTO_TEST_CASE(results_may_take_the_memory_of_what_they_are_of) {
  for (const auto& named : functions) {
    const auto src = test::random_tensor({3, 21}, 1);
    Tape tape;
    const Var x = tape.input(src.type());
    const Var result = negate(named.function(square(x)));
    std::vector<std::vector<double>> results;
    for (const bool reuse : {true, false}) {
      Plan plan{tape, std::span{&result, 1}, {.rules = {}, .reuse_memory = reuse}};
      plan.bind(x, src);
      plan.run();
      results.push_back(test::values(plan.output(0)));
      if (reuse) BOOST_TEST(plan.arena_bytes() <= 256U);  // one array of 252 bytes
    }
    BOOST_TEST(results[0] == results[1], per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()
