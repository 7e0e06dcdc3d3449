#include "keel/ops/power.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/reduce.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;

using Vars = std::span<const Var>;
using Values = std::vector<double>;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

bool same(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

// The value, the derivatives by both, and base's second, of elements alone.
std::vector<Values> derivatives_of(const std::function<Var(Vars)>& function, std::vector<Tensor> inputs,
                                   DType dtype) {
  Tape tape;
  std::vector<Var> vars;
  for (const auto& input : inputs) vars.push_back(tape.stored(test::converted(input, dtype)));
  std::vector<Var> results{function(vars)};
  for (const auto& grad : gradients(sum(results[0]), vars)) results.push_back(grad);
  results.push_back(gradients(sum(results[1]), std::span{vars}.first(1))[0]);
  Plan plan{tape, results};
  plan.run();
  std::vector<Values> values;
  for (std::size_t i = 0; i < results.size(); ++i) values.push_back(test::values(plan.output(i)));
  return values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(power_test)

BOOST_AUTO_TEST_CASE(at_zero_the_gradients_are_those_of_the_limit) {
  const Tensor src = Tensor::of<float>({3}, {0, -0.5F, 2});
  struct Power {
    double exponent;
    Values value;
    Values first;
    Values second;
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const auto& [exponent, value, first, second] :
         {Power{0, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}}, Power{1, {0, -0.5, 2}, {1, 1, 1}, {0, 0, 0}},
          Power{2, {0, 0.25, 4}, {0, -1, 4}, {2, 2, 2}}, Power{3, {0, -0.125, 8}, {0, 0.75, 12}, {0, -3, 12}},
          Power{-1, {infinity, -2, 0.5}, {-infinity, -4, -0.25}, {infinity, -16, 0.25}}}) {
      const auto results = derivatives_of([e = exponent](Vars v) { return pow(v[0], e); }, {src}, dtype);
      BOOST_TEST_CONTEXT("power of " << exponent) {
        BOOST_TEST(results[0] == value, per_element());
        BOOST_TEST(results[1] == first, per_element());
        BOOST_TEST(results[2] == second, per_element());
      }
    }
  }
}

// Bases and exponents of 0 among them; as PyTorch has them, but that what depends on a NaN is NaN.
BOOST_AUTO_TEST_CASE(of_two_arrays_worked_by_hand) {
  const Tensor base = Tensor::of<float>({6}, {0, 0, 0, 2, -2, 3});
  const Tensor exponent = Tensor::of<float>({6}, {0, 1, 2, 3, 2, 0});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto results = derivatives_of([](Vars v) { return pow(v[0], v[1]); }, {base, exponent}, dtype);
    BOOST_TEST(results[0] == (Values{1, 0, 0, 8, 4, 1}), per_element());
    BOOST_TEST(results[1] == (Values{0, 1, 0, 12, -4, 0}), per_element());
    BOOST_TEST(results[3] == (Values{0, 0, 2, 12, 2, 0}), per_element());
    const Values by_exponent{0, 0, 0, 8 * std::log(2.0), not_a_number, std::log(3.0)};
    for (std::size_t i = 0; i < by_exponent.size(); ++i)
      BOOST_TEST((same(results[2][i], by_exponent[i]) || std::abs(results[2][i] - by_exponent[i]) < 1e-6), i);
  }
}

// Also where the inverse of the base is not a number of its type.
BOOST_AUTO_TEST_CASE(the_power_of_zero_is_constant_at_every_base) {
  const Tensor base = Tensor::of<float>({5}, {0x1p-140F, -0x1p-149F, not_a_number, 0.0F, 4.0F});
  const Tensor exponent = Tensor::of<float>({5}, {0, 0, 0, 0, 0});
  const auto results = derivatives_of([](Vars v) { return pow(v[0], v[1]); }, {base, exponent}, DType::f32);
  BOOST_TEST(results[0] == (Values{1, 1, 1, 1, 1}), per_element());
  BOOST_TEST(results[1] == (Values{0, 0, 0, 0, 0}), per_element());
}

BOOST_AUTO_TEST_CASE(special_cases_are_those_of_the_standard_library) {
  const std::vector<float> numbers{0.0F, -0.0F,    1,         -1,           2,         -2.5F, 0.5F,
                                   3,    infinity, -infinity, not_a_number, 0x1p-130F, 1e30F};
  const auto count = static_cast<std::int64_t>(numbers.size());
  const Tensor bases = Tensor::of<float>({count, 1}, std::span{numbers});
  const Tensor exponents = Tensor::of<float>({count}, std::span{numbers});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto both = test::evaluate([](Vars v) { return std::vector{pow(v[0], v[1])}; },
                                     {.dtype = dtype, .differentiated = false, .inputs = {bases, exponents}});
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      for (std::size_t k = 0; k < numbers.size(); ++k) {
        const double power = std::pow(static_cast<double>(numbers[i]), static_cast<double>(numbers[k]));
        const double expected = dtype == DType::f32 ? static_cast<float>(power) : power;
        BOOST_TEST(same(both.outputs[0][i * numbers.size() + k], expected), numbers[i] << "^" << numbers[k]);
      }
      const auto one = test::evaluate(
          [&](Vars v) {
            return std::vector{pow(v[0], numbers[i]), pow(numbers[i], v[0])};
          },
          {.dtype = dtype, .differentiated = false, .inputs = {exponents}});
      for (std::size_t k = 0; k < numbers.size(); ++k) {
        BOOST_TEST(same(one.outputs[0][k], both.outputs[0][k * numbers.size() + i]));
        BOOST_TEST(same(one.outputs[1][k], both.outputs[0][i * numbers.size() + k]));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
