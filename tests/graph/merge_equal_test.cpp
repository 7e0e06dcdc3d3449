// Nodes that do the same to the same values run once.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reduce.hpp"

namespace {

using namespace keel;
using keel::testing::record_effect;

struct Result {
  std::size_t kernels;
  std::vector<double> values;  // the first element of each output
};

Result run(const Tape& tape, const std::vector<Var>& outputs) {
  Plan plan{tape, outputs};
  plan.run();
  Result result{plan.steps().size(), {}};
  for (std::size_t i = 0; i < outputs.size(); ++i) result.values.push_back(plan.output(i).data<double>()[0]);
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(merge_equal_test)

BOOST_AUTO_TEST_CASE(equal_nodes_and_what_is_equal_because_of_them) {
  Tape tape;
  const Var x = tape.stored(Tensor::of<double>({2}, {3, 4}));
  const auto norm = [&] { return sqrt(sum(square(x))); };
  const auto result = run(tape, {norm() * norm() + exp(norm() - norm())});
  BOOST_TEST(result.values[0] == 26.0);
  BOOST_TEST(result.kernels == 7U);  // square, sum, sqrt, multiply, subtract, exp, add
}

BOOST_AUTO_TEST_CASE(other_settings_and_other_orders_are_not_equal) {
  Tape tape;
  const Var x = tape.stored(Tensor::of<double>({1, 2}, {3, 4}));
  const Var y = tape.stored(Tensor::of<double>({1, 2}, {1, 2}));
  const auto result = run(tape, {sum(sum(x, {0}, true) * sum(x, {1}, true) + (x - y) * (y - x) +
                                     leaky_relu(x - y, 0.1) * leaky_relu(y - x, 0.2))});
  BOOST_TEST(result.values[0] == 49.0 - 8.0 - 1.6, boost::test_tools::tolerance(1e-15));
}

// What is read before and after a change is not the same.
BOOST_AUTO_TEST_CASE(stored_values_that_change_in_between) {
  Tape tape;
  const Var x = tape.stored(Tensor::of<double>({1}, {3}));
  const Var before = square(x);
  record_effect(x, "add one", [](double* values) { values[0] += 1.0; });
  const auto result = run(tape, {before + square(x)});
  BOOST_TEST(result.values[0] == 9.0 + 16.0);
}

BOOST_AUTO_TEST_CASE(outputs_have_memory_of_their_own) {
  Tape tape;
  const Var x = tape.stored(Tensor::of<double>({1}, {3}));
  const std::vector outputs{square(x), square(x), exp(square(x))};
  Plan plan{tape, outputs};
  plan.run();
  BOOST_TEST(plan.output(0).bytes() != plan.output(1).bytes());
  for (std::size_t i = 0; i < 2; ++i) BOOST_TEST(plan.output(i).data<double>()[0] == 9.0);
  BOOST_TEST(plan.output(2).data<double>()[0] == std::exp(9.0));
}

// Each derivative uses the mean, the deviations and the root that the one before it used.
BOOST_AUTO_TEST_CASE(a_second_derivative_of_batch_norm_has_few_kernels) {
  Tape tape;
  const Var x = tape.input({8, 3}, DType::f64);
  const Var gamma = tape.input({3}, DType::f64);
  const auto grad = [&](const Var& of) { return gradients(of, std::span{&x, 1})[0]; };
  const Var penalty = sum(square(grad(sum(square(batch_norm_training(x, gamma, gamma).dst)))));
  const std::vector outputs{grad(penalty)};
  const auto nodes = tape.program().nodes.size();
  const Plan plan{tape, outputs};
  BOOST_TEST(nodes > 85U);
  BOOST_TEST(plan.steps().size() < 65U);
}

BOOST_AUTO_TEST_SUITE_END()
