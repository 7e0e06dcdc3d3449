// The fusion rules behind the backward pass: weight gradients into the velocity, bias gradients beside the
// ReLU's.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;

// Trains relu(x W1^T + b1) W2^T for some steps and returns all parameters; `extra` may record more, whose
// results become outputs.
struct Trained {
  std::vector<float> parameters;
  std::vector<std::string> steps;
};

using Extra = std::vector<Var> (*)(std::span<const Var> parameters, std::span<const Var> grads);

std::vector<Var> nothing(std::span<const Var>, std::span<const Var>) {
  return {};
}

Trained train(bool fused, SgdOptions options, const Extra& extra) {
  options.learning_rate = 0.05;
  const Tensor src = random_tensor(Shape{12, 20}, 1);
  const Tensor labels = random_labels(12, 5, 2);
  const std::vector parameters{random_tensor(Shape{16, 20}, 3), random_tensor(Shape{16}, 4),
                               random_tensor(Shape{5, 16}, 5)};
  Sgd sgd{options};
  Tape tape;
  std::vector<Var> trained;
  for (const auto& parameter : parameters) trained.push_back(tape.stored(parameter));
  const Var hidden = relu(linear(tape.stored(src), trained[0], trained[1]));
  const Var loss = cross_entropy(linear(hidden, trained[2]), tape.stored(labels));
  const auto grads = gradients(loss, trained);
  sgd.update(trained, grads);
  auto outputs = extra(trained, grads);
  outputs.push_back(loss);
  Plan plan{tape, outputs, {.rules = fused ? fusion_rules() : std::span<const FusionRule>{}}};
  for (int i = 0; i < 5; ++i) plan.run();
  Trained result;
  for (const auto& parameter : parameters) {
    const auto values = parameter.data<float>();
    result.parameters.insert(result.parameters.end(), values.begin(), values.end());
  }
  for (const auto& step : plan.steps()) result.steps.emplace_back(step.node.op->name());
  return result;
}

std::ptrdiff_t count(const Trained& trained, const std::string& step) {
  return std::ranges::count(trained.steps, step);
}

// The products are the same; only the addition of the velocity happens in another register. Five steps of
// parameters of magnitude up to 4 then agree to some units of their last places.
void check_equal(const Trained& a, const Trained& b) {
  BOOST_REQUIRE(a.parameters.size() == b.parameters.size());
  for (std::size_t i = 0; i < a.parameters.size(); ++i) {
    BOOST_TEST(std::abs(a.parameters[i] - b.parameters[i]) <
               32 * 0x1p-24 * std::max(1.0F, std::abs(b.parameters[i])));
  }
}

BOOST_AUTO_TEST_SUITE(update_fusion_test)

BOOST_AUTO_TEST_CASE(weight_gradients_go_into_the_velocity) {
  for (const double momentum : {0.9, 0.0}) {
    const auto fused = train(true, {.momentum = momentum}, nothing);
    const auto unfused = train(false, {.momentum = momentum}, nothing);
    BOOST_TEST(count(fused, "matmul+velocity") == 2);
    BOOST_TEST(count(unfused, "matmul+velocity") == 0);
    check_equal(fused, unfused);
  }
}

BOOST_AUTO_TEST_CASE(not_where_the_gradient_is_asked_for) {
  const Extra output = [](std::span<const Var>, std::span<const Var> grads) { return std::vector{grads[0]}; };
  const auto fused = train(true, {.momentum = 0.9}, output);
  BOOST_TEST(count(fused, "matmul+velocity") == 1);
  check_equal(fused, train(false, {.momentum = 0.9}, output));
}

BOOST_AUTO_TEST_CASE(not_where_something_else_reads_the_gradient) {
  const Extra norm = [](std::span<const Var>, std::span<const Var> grads) {
    return std::vector{mean(grads[0] * grads[0]), mean(grads[2] * grads[2])};
  };
  const auto fused = train(true, {.momentum = 0.9}, norm);
  BOOST_TEST(count(fused, "matmul+velocity") == 0);
  check_equal(fused, train(false, {.momentum = 0.9}, norm));
}

// The sweep adds the decay.
BOOST_AUTO_TEST_CASE(weight_gradients_go_into_the_velocity_under_weight_decay) {
  for (const auto decay : {WeightDecay::matrices, WeightDecay::everything}) {
    for (const double momentum : {0.9, 0.0}) {
      const SgdOptions options{.momentum = momentum, .weight_decay = 0.1, .decay = decay};
      const auto fused = train(true, options, nothing);
      BOOST_TEST(count(fused, "matmul+velocity") == 2);
      check_equal(fused, train(false, options, nothing));
    }
  }
}

// The step by Nesterov needs the gradient itself, and so does its norm.
BOOST_AUTO_TEST_CASE(not_under_nesterovs_momentum_nor_clipping) {
  const std::vector<SgdOptions> cases{{.momentum = 0.9, .nesterov = true},
                                      {.momentum = 0.9, .clip_norm = 0.1}};
  for (const auto& options : cases) {
    const auto fused = train(true, options, nothing);
    BOOST_TEST(count(fused, "matmul+velocity") == 0);
    check_equal(fused, train(false, options, nothing));
  }
}

BOOST_AUTO_TEST_CASE(bias_gradients_are_summed_beside_the_relus) {
  const auto fused = train(true, {.momentum = 0.9}, nothing);
  BOOST_TEST(count(fused, "relu_backward+sum_to") == 1);
  BOOST_TEST(count(fused, "relu_backward") == 0);
  BOOST_TEST(count(fused, "sum_to") == 0);
}

BOOST_AUTO_TEST_CASE(a_total_is_not_taken_for_a_bias_gradient) {
  const Tensor src = random_tensor(Shape{6, 8}, 1);
  Tape tape;
  const Var x = tape.stored(src);
  const Var masked = gradients(mean(relu(x)), std::vector{x})[0];
  const std::vector outputs{sum_to(masked, Shape{6, 1}), sum_to(masked, Shape{1, 8})};
  Plan plan{tape, outputs, {.rules = fusion_rules()}};
  BOOST_TEST(std::ranges::none_of(
      plan.steps(), [](const auto& step) { return step.node.op->name() == "relu_backward+sum_to"; }));
}

// For a square matrix the sums over either axis have one shape.
BOOST_AUTO_TEST_CASE(sums_over_features_are_not_taken_for_a_bias_gradient) {
  const Tensor src = random_tensor(Shape{6, 6}, 1);
  Tape tape;
  const Var x = tape.stored(src);
  const Var masked = gradients(mean(relu(x)), std::vector{x})[0];
  const std::vector outputs{sum(masked, {1})};
  Plan plan{tape, outputs, {.rules = fusion_rules()}};
  Plan plain{tape, outputs};
  plan.run();
  plain.run();
  BOOST_TEST(test::values(plan.output(0)) == test::values(plain.output(0)), boost::test_tools::per_element());
  BOOST_TEST(std::ranges::none_of(
      plan.steps(), [](const auto& step) { return step.node.op->name() == "relu_backward+sum_to"; }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
