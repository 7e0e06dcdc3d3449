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
constexpr double smallest = 0x1p-149;  // the unit below 2^-126

// So many units in the last place of y, which unary_sweep_test holds the functions to.
double units(double count, double y) {
  return count * (2.0 * u * std::abs(y) + smallest);
}

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
    {"exp", [](const Var& x) { return exp(x); }, [](double, double y) { return units(1.03, y); },
     [](double, double y, double) { return units(1.03, y); }},
    {"log", [](const Var& x) { return log(x); }, [](double, double y) { return units(0.85, y); },
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
    // dx = y (1 - y), rounded twice
    {"sigmoid", [](const Var& x) { return sigmoid(x); }, [](double, double y) { return units(2.41, y); },
     [](double, double y, double dx) { return units(2.41, y) * std::abs(1.0 - 2.0 * y) + 2.0 * u * dx; }},
    // dx = (1 - y) (1 + y), rounded three times
    {"tanh", [](const Var& x) { return tanh(x); }, [](double, double y) { return units(2.5, y); },
     [](double, double y, double dx) { return units(2.5, y) * 2.0 * std::abs(y) + 3.0 * u * dx; }},
    // dx is the sum of the distribution function and x density
    {"gelu", [](const Var& x) { return gelu(x); }, [](double, double y) { return units(2.87, y); },
     [](double x, double y, double) {
       return units(3.88, std::abs(y / x) + std::abs(x) * normal_density(x));
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

// In the middle of a vector, in what remains behind the last one, and in any of two threads' parts.
BOOST_AUTO_TEST_CASE(elements_get_the_same_bits_wherever_they_lie) {
  constexpr std::size_t few = 37;
  const auto some = test::random_tensor({few}, 5, 3.0);
  for (const auto& named : functions) {
    const auto alone = [&](std::size_t i) {
      const auto result = evaluate_at(named, {some.data<float>()[i]}, DType::f32);
      return result.outputs[0][0];
    };
    std::vector<double> expected;
    for (std::size_t i = 0; i < few; ++i) expected.push_back(alone(i));
    for (const std::size_t count : {few, std::size_t{40000}}) {
      std::vector<float> elements;
      for (std::size_t i = 0; i < count; ++i) elements.push_back(some.data<float>()[i % few]);
      const auto values = evaluate_at(named, elements, DType::f32).outputs[0];
      const auto differs = [&](std::size_t i) {
        return !(values[i] == expected[i % few] || (std::isnan(values[i]) && std::isnan(expected[i % few])));
      };
      std::size_t differing = 0;
      for (std::size_t i = 0; i < count; ++i) differing += differs(i) ? 1U : 0U;
      BOOST_TEST(differing == 0U, named.name << ", " << count << " elements");
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
