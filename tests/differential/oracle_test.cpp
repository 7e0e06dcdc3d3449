// What stands behind the differential tester: that it knows every operator, that its sums are right where
// keel's f64 loops are trusted, and that its comparison tells kinds of numbers apart.

#include "oracle.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../support/graph_support.hpp"
#include "check_case.hpp"
#include "generator.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/rng.hpp"

namespace {

using namespace keel;
using namespace keel::differential;

constexpr double infinity = std::numeric_limits<double>::infinity();

Array random_array(const Shape& shape, double offset) {
  Rng rng{3};
  Array array{{shape, DType::f32}, std::vector<double>(static_cast<std::size_t>(shape.elements()))};
  for (auto& value : array.data) value = static_cast<float>(offset + rng.normal());
  return array;
}

// Mean and variance of every `stride`-th number from `first` on, in long double.
std::pair<double, double> moments(const Array& array, std::size_t first, std::size_t stride,
                                  std::size_t count) {
  long double sum = 0;
  long double squares = 0;
  for (std::size_t i = 0; i < count; ++i) sum += array.data[first + i * stride];
  const long double mean = sum / static_cast<long double>(count);
  for (std::size_t i = 0; i < count; ++i) squares += std::pow(array.data[first + i * stride] - mean, 2);
  return {static_cast<double>(mean), static_cast<double>(squares / static_cast<long double>(count))};
}

BOOST_AUTO_TEST_SUITE(oracle_test)

BOOST_AUTO_TEST_CASE(two_thousand_cases_reach_every_operator_and_fusion_rule) {
  Tallies tallies;
  std::map<std::string, std::uint64_t, std::less<>> nodes;
  for (std::uint64_t index = 0; index < 2000; ++index) {
    Execution execution{generate(1, index)};
    for (const auto& node : execution.compiled().nodes) ++nodes[std::string{node.op->name()}];
  }
  for (const auto& [name, oracle] : oracles()) BOOST_TEST(nodes[name] > 0U, name);
  for (const auto& rule : fusion_rules()) BOOST_TEST(nodes[std::string{rule.name}] > 0U, rule.name);
}

BOOST_AUTO_TEST_CASE(the_f64_statistics_of_large_offsets_are_those_of_long_double) {
  constexpr std::size_t rows = 512;
  constexpr std::size_t columns = 3;
  const auto src = random_array({rows, columns}, 1e4);
  const Array ones{{{columns}, DType::f32}, {1, 1, 1}};
  Tape tape;
  const Var x = tape.input(src.type);
  const Var gamma = tape.input(ones.type);
  const auto by_column =
      in_f64(testing::operator_of(batch_norm_training(x, gamma, gamma).dst), {src, ones, ones});
  const auto by_row = in_f64(testing::operator_of(layer_norm(x, gamma, gamma)), {src, ones, ones});
  for (std::size_t c = 0; c < columns; ++c) {
    const auto [mean, variance] = moments(src, c, columns, rows);
    BOOST_TEST(std::abs(by_column.outputs[1].data[c] - mean) < 1e-10);
    BOOST_TEST(std::abs(by_column.outputs[2].data[c] - variance) < 1e-10);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    const auto [mean, variance] = moments(src, r * columns, 1, columns);
    BOOST_TEST(std::abs(by_row.outputs[1].data[r] - mean) < 1e-10);
    BOOST_TEST(std::abs(by_row.outputs[2].data[r] - variance) < 1e-10);
  }
}

BOOST_AUTO_TEST_CASE(the_f64_sum_of_many_numbers_is_that_of_long_double) {
  const auto src = random_array({300'000}, 0.1);
  long double sum = 0;
  for (const double value : src.data) sum += value;
  Tape tape;
  const auto reference = in_f64(testing::operator_of(keel::sum(tape.input(src.type))), {src});
  BOOST_TEST(std::abs(reference.outputs[0].data[0] - static_cast<double>(sum)) < 1e-8);
}

BOOST_AUTO_TEST_CASE(a_result_is_within_its_bound_or_of_the_same_kind) {
  BOOST_TEST(is_within(1.0, 1.5, 0.5));
  BOOST_TEST(!is_within(1.0, 1.5, 0.25));
  BOOST_TEST(is_within(NAN, NAN, 0.0));
  BOOST_TEST(!is_within(0.0, NAN, infinity));
  BOOST_TEST(!is_within(NAN, 0.0, 1.0));
  BOOST_TEST(is_within(-infinity, -infinity, 0.0));
  BOOST_TEST(!is_within(infinity, -infinity, infinity));
  BOOST_TEST(!is_within(largest, infinity, 0.0));
  BOOST_TEST(is_within(infinity, largest, 1e32));
  BOOST_TEST(!is_within(infinity, 1.0, 1.0));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
