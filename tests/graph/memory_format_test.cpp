// How images lie in memory: where a plan reorders them, and that nothing else shows.

#include "keel/graph/memory_format.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/graph/accumulate.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/relu.hpp"

namespace keel::testing {
namespace {

using Steps = std::vector<std::string>;

// The elements in another shape.
class ReshapeOp final : public Operator {
 public:
  explicit ReshapeOp(Shape shape) : shape_(shape) {}
  [[nodiscard]] std::string_view name() const override { return "reshape"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {{shape_, inputs[0].dtype}};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override { return CustomOp{{}}.bind(binding); }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto op = std::make_shared<ReshapeOp>(context.inputs[0].shape());
    return {record(op, {context.output_grads[0]}, context.where)};
  }
  [[nodiscard]] bool is_view() const override { return true; }

 private:
  Shape shape_;
};

Var flattened(const Var& src) {
  const Shape shape{src.shape()[0], src.shape().elements() / src.shape()[0]};
  return record(std::make_shared<ReshapeOp>(shape), {src}, SourceLocation::current());
}

Steps steps_of(const Plan& plan) {
  Steps steps;
  for (const auto& step : plan.steps()) steps.emplace_back(step.node.op->name());
  return steps;
}

std::ptrdiff_t reorders(const Plan& plan) {
  return std::ranges::count(steps_of(plan), "reorder");
}

// The shapes of the values that are reordered, in order.
std::vector<Shape> reordered(const Plan& plan, const Tape& tape) {
  std::vector<Shape> shapes;
  for (const auto& step : plan.steps()) {
    if (step.node.op->name() != "reorder") continue;
    const auto id = step.node.inputs[0];
    if (id < tape.program().values.size()) shapes.push_back(tape.program().values[id].type.shape);
  }
  return shapes;
}

// The loss and the parameters' gradients of a small network over images of `channels` channels.
struct Network {
  explicit Network(std::int64_t channels, std::int64_t classes_of_pixels = 3) {
    const auto parameter = [&](const Shape& shape) {
      parameters.push_back(tape.stored(random_tensor(shape, DType::f32, parameters.size() + 1)));
      return parameters.back();
    };
    const Var labels = tape.stored(Tensor::of<std::int32_t>({4}, {0, 1, 2, 1}));
    images = tape.stored(random_tensor({4, channels, 12, 10}, DType::f32, 100));
    const Var first = conv2d(images, parameter({16, channels, 3, 3}), {}, {.padding = 1});
    const Var normal = relu(batch_norm_training(first, parameter({16}), parameter({16})).dst);
    const Var pooled = max_pool2d(normal, {2});
    const Var second = relu(conv2d(pooled, parameter({20, 16, 3, 3}), parameter({20})));
    const Var third = average_pool2d(second, {.kernel = {4 - classes_of_pixels + 1, 3}});
    const Var flat = flattened(third);
    loss = cross_entropy(linear(flat, parameter({3, flat.shape()[1]})), labels);
    results = gradients(loss, parameters);
    results.push_back(loss);
  }

  Tape tape;
  std::vector<Var> parameters;
  Var images;
  Var loss;
  std::vector<Var> results;  // the gradients, then the loss
};

BOOST_AUTO_TEST_SUITE(memory_format)

BOOST_AUTO_TEST_CASE(a_training_step_reorders_where_images_come_in_and_where_they_are_flattened) {
  for (const bool fused : {false, true}) {
    Network network{3};
    PlanOptions options;
    if (fused) options.rules = fusion_rules();
    const Plan plan{network.tape, network.results, options};
    // The images once for the first convolution's both directions, the flattened value, and its gradient.
    BOOST_TEST(reorders(plan) == 3, "fused " << fused << ": " << reorders(plan));
    BOOST_TEST((reordered(plan, network.tape) ==
                std::vector{Shape{4, 3, 12, 10}, Shape{4, 20, 2, 1}, Shape{4, 20, 2, 1}}));
  }
}

BOOST_AUTO_TEST_CASE(images_of_one_channel_and_single_pixels_need_no_reorder) {
  Network network{1, 1};
  const Plan plan{network.tape, network.results, {.rules = fusion_rules()}};
  BOOST_TEST(reorders(plan) == 0);
}

// Of small whole numbers all sums are exact: the reference, which never reorders, must come to the same ones.
BOOST_AUTO_TEST_CASE(a_network_of_whole_numbers_comes_to_the_same_in_f32_and_in_the_reference) {
  const auto results = [](std::int64_t channels, DType dtype, const PlanOptions& options) {
    Tape tape;
    Rng rng{9};
    std::vector<Var> stored;
    for (const auto& shape : {Shape{4, channels, 12, 10}, Shape{16, channels, 3, 3}, Shape{16},
                              Shape{20, 16, 3, 3}, Shape{3, 20 * 4 * 3}, Shape{4, 3}}) {
      Tensor tensor{shape, dtype};
      const auto whole = [&] { return static_cast<float>(rng.below(5)) - 2.0F; };
      if (dtype == DType::f32) std::ranges::generate(tensor.data<float>(), whole);
      if (dtype == DType::f64) std::ranges::generate(tensor.data<double>(), whole);
      stored.push_back(tape.stored(tensor));
    }
    const Var first = relu(conv2d(stored[0], stored[1], stored[2], {.padding = 1}));
    const Var second = conv2d(max_pool2d(first, {2}), stored[3]);
    const Var again = accumulate(std::array{second, relu(second)});
    const std::array dst{matmul(flattened(again), stored[4], {.weights = true})};
    auto values = gradients(dst, std::array{stored[5]}, std::span{stored}.first(5));
    values.insert(values.end(), {dst[0], first, second});
    return computed(values, options);
  };
  for (const std::int64_t channels : {1, 3}) {
    const auto expected = results(channels, DType::f64, {});
    for (const PlanOptions& options : {PlanOptions{}, PlanOptions{.rules = fusion_rules()}}) {
      const auto actual = results(channels, DType::f32, options);
      for (std::size_t i = 0; i < expected.size(); ++i)
        BOOST_TEST(actual[i] == expected[i], boost::test_tools::per_element());
      BOOST_TEST(*std::ranges::max_element(expected[5]) > 0.0);
    }
  }
}

// A plan without sharing and fusion gives every value memory of its own and every operator its own kernel.
BOOST_AUTO_TEST_CASE(formats_do_not_change_what_a_training_step_computes) {
  for (const std::int64_t channels : {1, 3, 16}) {
    Network network{channels};
    const auto plain = computed(network.results, {.reuse_memory = false});
    const auto shared = computed(network.results);
    for (std::size_t i = 0; i < plain.size(); ++i)
      BOOST_TEST(plain[i] == shared[i], boost::test_tools::per_element());
    Plan plan{network.tape, network.results};
    plan.run();
    for (std::size_t i = 0; i < plain.size(); ++i)
      BOOST_TEST((plan.output(i).shape() == network.results[i].shape()));
  }
}

BOOST_AUTO_TEST_CASE(outputs_of_a_plan_are_row_major) {
  Tape tape;
  const Tensor src = random_tensor({2, 3, 4, 5}, DType::f32);
  const Var pooled = max_pool2d(tape.stored(src), {1});  // the images themselves, channels last
  const Var rectified = relu(pooled);
  Plan plan{tape, std::array{pooled, rectified}};
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == values_of(src), boost::test_tools::per_element());
  BOOST_TEST(steps_of(plan) == (Steps{"reorder", "max_pool2d", "relu", "reorder", "reorder"}),
             boost::test_tools::per_element());
  auto expected = values_of(src);
  for (auto& value : expected) value = std::max(value, 0.0);
  BOOST_TEST(values_of(plan.output(1)) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_value_that_two_operators_want_otherwise_is_reordered_once) {
  Tape tape;
  const Tensor src = random_tensor({2, 3, 4, 5}, DType::f32);
  const Var images = tape.stored(src);
  const std::array outputs{max_pool2d(images, {1}), average_pool2d(images, {1}), flattened(images)};
  Plan plan{tape, outputs};
  plan.run();
  BOOST_TEST(
      steps_of(plan) == (Steps{"reorder", "max_pool2d", "average_pool2d", "reshape", "reorder", "reorder"}),
      boost::test_tools::per_element());
  for (std::size_t i = 0; i < outputs.size(); ++i)
    BOOST_TEST(values_of(plan.output(i)) == values_of(src), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(terms_that_lie_otherwise_are_brought_into_one_format_to_be_added_up) {
  Tape tape;
  const Tensor src = random_tensor({2, 3, 4, 5}, DType::f32);
  const Var images = tape.stored(src);
  const Var sum = accumulate(std::array{images, max_pool2d(images, {1}), images});
  auto expected = values_of(src);
  for (auto& value : expected)
    value = static_cast<double>(static_cast<float>(value + value) + static_cast<float>(value));
  BOOST_TEST(computed(sum) == expected, boost::test_tools::per_element());
  const Plan plan{tape, std::array{sum}};
  BOOST_TEST(steps_of(plan) == (Steps{"reorder", "max_pool2d", "accumulate", "reorder"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(double_precision_and_other_ranks_are_never_reordered) {
  Tape tape;
  const Var wide = max_pool2d(tape.stored(random_tensor({2, 3, 4, 5})), {1});
  const Var weights = relu(tape.stored(random_tensor({3, 4}, DType::f32)));
  const Plan plan{tape, std::array{wide, weights}};
  BOOST_TEST(reorders(plan) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::testing
