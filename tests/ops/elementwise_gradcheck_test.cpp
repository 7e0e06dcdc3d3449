#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/mse.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;

using Vars = std::span<const Var>;

// Normal numbers moved away from zero by `distance`, all positive where asked: no kink, pole or branch is
// within reach of a difference's step.
Tensor away_from_zero(const Shape& shape, std::uint64_t seed, double distance, bool positive = false) {
  Tensor tensor = test::converted(test::random_tensor(shape, seed), DType::f64);
  for (auto& value : tensor.data<double>()) {
    if (positive) value = std::abs(value);
    value += value < 0.0 ? -distance : distance;
  }
  return tensor;
}

struct Named {
  std::string name;
  std::function<Var(const Var&)> function;
  bool positive = false;  // defined for positive numbers alone
};

const std::vector<Named> functions{
    {"negate", [](const Var& x) { return negate(x); }},
    {"unary minus", [](const Var& x) { return -x; }},
    {"exp", [](const Var& x) { return exp(x); }},
    {"log", [](const Var& x) { return log(x); }, true},
    {"sqrt", [](const Var& x) { return sqrt(x); }, true},
    {"square", [](const Var& x) { return square(x); }},
    {"leaky_relu", [](const Var& x) { return leaky_relu(x); }},
    {"leaky_relu of slope 0.3", [](const Var& x) { return leaky_relu(x, 0.3); }},
    {"sigmoid", [](const Var& x) { return sigmoid(x); }},
    {"tanh", [](const Var& x) { return tanh(x); }},
    {"gelu", [](const Var& x) { return gelu(x); }},
    {"abs", [](const Var& x) { return abs(x); }},
    {"clamp", [](const Var& x) { return clamp(x, -0.05, {}) + clamp(x, {}, 0.05); }},
    {"log1p", [](const Var& x) { return log1p(x); }, true},
    {"expm1", [](const Var& x) { return expm1(x); }},
    {"softplus", [](const Var& x) { return softplus(x); }},
    {"silu", [](const Var& x) { return silu(x); }},
    {"elu", [](const Var& x) { return elu(x, 0.7); }},
    {"erf", [](const Var& x) { return erf(x); }},
    {"sin", [](const Var& x) { return sin(x); }},
    {"cos", [](const Var& x) { return cos(x); }},
    {"tan", [](const Var& x) { return tan(x); }},
    {"reciprocal", [](const Var& x) { return reciprocal(x); }},
    {"pow 2", [](const Var& x) { return pow(x, 2); }},
    {"pow -3", [](const Var& x) { return pow(x, -3); }},
    {"pow 0.3", [](const Var& x) { return pow(x, 0.3); }, true},
    {"a power of 1.5", [](const Var& x) { return pow(1.5, x); }},
};

const std::vector<std::array<Shape, 2>> pairs{
    {Shape{2, 3}, Shape{2, 3}},
    {Shape{2, 3}, Shape{3}},
    {Shape{3}, Shape{2, 3}},
    {Shape{2, 3}, Shape{}},
    {Shape{}, Shape{2, 3}},
    {Shape{}, Shape{}},
    {Shape{2, 1}, Shape{1, 3}},
    {Shape{4, 1, 3}, Shape{2, 1}},
    {Shape{2, 3, 4}, Shape{1, 3, 1}},
    {Shape{1, 3, 1}, Shape{2, 3, 4}},
    {Shape{2, 3, 2, 2}, Shape{3, 1, 1}},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(elementwise_gradcheck_test)

BOOST_AUTO_TEST_CASE(functions_of_one_array) {
  for (const auto& named : functions) {
    for (const auto& shape : {Shape{}, Shape{7}, Shape{2, 3, 2, 2}}) {
      const auto report = gradcheck([&](Vars v) { return named.function(v[0]); }, std::span<Shape>{},
                                    {.inputs = {away_from_zero(shape, 1, 0.1, named.positive)}});
      BOOST_TEST(report.ok, named.name << ' ' << to_string(shape) << ": " << report.text);
    }
  }
}

BOOST_AUTO_TEST_CASE(their_second_derivatives) {
  for (const auto& named : functions) {
    const auto derivative = [&](Vars v) {
      return gradients(mean(named.function(v[0]) * v[1]), v.first(1))[0] * v[0];
    };
    const GradcheckOptions options{
        .inputs = {away_from_zero({2, 3}, 1, 0.2, named.positive), away_from_zero({2, 3}, 2, 0.2)}};
    const auto report = gradcheck(derivative, std::span<Shape>{}, options);
    BOOST_TEST(report.ok, named.name << ": " << report.text);
  }
}

BOOST_AUTO_TEST_CASE(functions_of_two_arrays_that_broadcast) {
  for (const auto& [a, b] : pairs) {
    const GradcheckOptions options{.inputs = {away_from_zero(a, 1, 0.0), away_from_zero(b, 2, 0.5)}};
    const auto difference = gradcheck([](Vars v) { return v[0] - v[1]; }, std::span<Shape>{}, options);
    BOOST_TEST(difference.ok, to_string(a) << " - " << to_string(b) << ": " << difference.text);
    const auto quotient = gradcheck([](Vars v) { return v[0] / v[1]; }, std::span<Shape>{}, options);
    BOOST_TEST(quotient.ok, to_string(a) << " / " << to_string(b) << ": " << quotient.text);
    const auto larger = gradcheck([](Vars v) { return maximum(v[0], v[1]); }, std::span<Shape>{}, options);
    BOOST_TEST(larger.ok, to_string(a) << " maximum " << to_string(b) << ": " << larger.text);
  }
}

BOOST_AUTO_TEST_CASE(an_array_with_itself) {
  const GradcheckOptions options{.inputs = {away_from_zero({2, 3}, 1, 0.5)}};
  for (const auto& function : std::vector<std::function<Var(Vars)>>{
           [](Vars v) { return v[0] - v[0]; },
           [](Vars v) { return v[0] / v[0]; },
           [](Vars v) { return maximum(v[0], v[0]); },
       }) {
    const auto report = gradcheck(function, std::span<Shape>{}, options);
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(numbers_on_either_side) {
  const auto report = gradcheck(
      [](Vars v) {
        return (1.0 - v[0] * 2.0) / (v[0] / 3.0 + 0.5) + 4.0 / (v[0] - 9.0) + (2.0 + 3.0 * v[0]);
      },
      std::span<Shape>{}, {.inputs = {away_from_zero({2, 3}, 1, 0.1, true)}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(second_derivatives_of_functions_of_two_arrays) {
  for (const auto& function : std::vector<std::function<Var(Vars)>>{
           [](Vars v) { return v[0] - v[1] * v[0]; },
           [](Vars v) { return v[0] / v[1]; },
           [](Vars v) { return v[1] / v[0]; },
           [](Vars v) { return maximum(v[0] * v[0], v[1] * v[0]); },
       }) {
    const auto report = gradcheck(
        [&](Vars v) { return gradients(mean(function(v) * v[2]), v.first(1))[0] * v[0]; }, std::span<Shape>{},
        {.inputs = {away_from_zero({2, 3}, 1, 0.5), away_from_zero({3}, 2, 0.5),
                    away_from_zero({}, 3, 0.5)}});
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(softmax_and_its_logarithm_along_every_axis) {
  for (const auto& shape : {Shape{5}, Shape{4, 3}, Shape{2, 3, 4}, Shape{3, 1}, Shape{2, 3, 2, 2}}) {
    for (int axis = -static_cast<int>(shape.rank()); axis < static_cast<int>(shape.rank()); ++axis) {
      const auto plain = gradcheck([&](Vars v) { return softmax(v[0], axis); }, {shape});
      BOOST_TEST(plain.ok, to_string(shape) << " along " << axis << ": " << plain.text);
      const auto logarithm = gradcheck([&](Vars v) { return log_softmax(v[0], axis); }, {shape});
      BOOST_TEST(logarithm.ok, to_string(shape) << " along " << axis << ": " << logarithm.text);
    }
  }
}

BOOST_AUTO_TEST_CASE(mse_of_any_rank) {
  for (const auto& shape : {Shape{}, Shape{5}, Shape{3, 4}, Shape{2, 3, 2, 2}}) {
    const auto report = gradcheck([](Vars v) { return mse(v[0], v[1]); }, {shape, shape});
    BOOST_TEST(report.ok, to_string(shape) << ": " << report.text);
  }
}

BOOST_AUTO_TEST_CASE(a_network_of_activations) {
  const auto report = gradcheck(
      [](Vars v) {
        const Var hidden = gelu(v[0] * v[1] + 0.1) - sigmoid(v[0]) * tanh(v[1] / 2.0);
        return mse(softmax(hidden, 0), exp(-square(hidden)));
      },
      {{3, 4}, {4}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_SUITE_END()
