#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/keel.hpp"

// Arrays that have no elements along some axis, as in NumPy: what is made of nothing is nothing, a sum of
// nothing is 0 and a mean of nothing not a number.

namespace {

using namespace keel;
using test::values;
using Values = std::vector<double>;
using Vars = std::span<const Var>;
using Function = std::function<Var(Vars)>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Tensor ones(const Shape& shape, DType dtype) {
  Tensor tensor{shape, dtype};
  if (dtype == DType::f32) std::ranges::fill(tensor.data<float>(), 1.0F);
  if (dtype == DType::f64) std::ranges::fill(tensor.data<double>(), 1.0);
  return tensor;
}

struct Result {
  Shape shape;
  Values output;
  std::vector<Values> gradients;
};

// Runs `function` of arrays of ones (s32: zeros), and its derivative for an upstream gradient of ones, in
// memory that is not zero beforehand.
Result run(const Function& function, const std::vector<ValueType>& types, const PlanOptions& options) {
  Tape tape;
  std::vector<Var> inputs;
  std::vector<Var> wrt;
  for (const auto& type : types) {
    inputs.push_back(tape.stored(ones(type.shape, type.dtype)));
    if (type.dtype != DType::s32) wrt.push_back(inputs.back());
  }
  const Var output = function(inputs);
  std::vector<Var> results{output};
  if (output.dtype() != DType::s32) {
    const Var upstream = tape.stored(ones(output.shape(), output.dtype()));
    for (const auto& grad : gradients(std::span{&output, 1}, std::span{&upstream, 1}, wrt)) {
      results.push_back(grad);
    }
  }
  Plan plan{tape, results, options};
  plan.poison();
  plan.run();
  Result result{output.shape(), {}, {}};
  if (output.dtype() != DType::s32) result.output = values(plan.output(0));
  for (std::size_t i = 1; i < results.size(); ++i) result.gradients.push_back(values(plan.output(i)));
  return result;
}

bool same(const Values& a, const Values& b) {
  return std::ranges::equal(a, b,
                            [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

// In both element types, fused and not, with memory reused and not.
void check(const Function& function, const std::vector<Shape>& shapes, const Shape& expected,
           const Values& output, const std::vector<Values>& grads, const std::vector<Shape>& labels = {}) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    std::vector<ValueType> types;
    for (const auto& shape : shapes) types.push_back({shape, dtype});
    for (const auto& shape : labels) types.push_back({shape, DType::s32});
    for (const PlanOptions& options :
         {PlanOptions{}, PlanOptions{.reuse_memory = false}, PlanOptions{.rules = fusion_rules()}}) {
      const auto result = run(function, types, options);
      BOOST_TEST((result.shape == expected), to_string(result.shape));
      BOOST_TEST(same(result.output, output), name_of(dtype));
      BOOST_TEST_REQUIRE(result.gradients.size() == grads.size());
      for (std::size_t i = 0; i < grads.size(); ++i) {
        BOOST_TEST(same(result.gradients[i], grads[i]), name_of(dtype) << ", gradient " << i);
      }
    }
  }
}

std::string refusal(const std::function<void(Tape&)>& record) {
  Tape tape;
  try {
    record(tape);
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(zero_elements_test)

BOOST_AUTO_TEST_CASE(a_sum_over_nothing_is_zero) {
  check([](Vars v) { return sum(v[0]); }, {{0, 4}}, {}, {0}, {{}});
  check([](Vars v) { return sum(v[0], {0}); }, {{0, 4}}, {4}, {0, 0, 0, 0}, {{}});
  check([](Vars v) { return sum(v[0], {1}); }, {{0, 4}}, {0}, {}, {{}});
  check([](Vars v) { return sum(v[0], {0}, true); }, {{0, 3}}, {1, 3}, {0, 0, 0}, {{}});
  check([](Vars v) { return sum(v[0], {1}); }, {{2, 0, 3}}, {2, 3}, Values(6, 0.0), {{}});
}

BOOST_AUTO_TEST_CASE(a_mean_over_nothing_is_not_a_number) {
  check([](Vars v) { return mean(v[0]); }, {{0, 4}}, {}, {not_a_number}, {{}});
  check([](Vars v) { return mean(v[0], {0}); }, {{0, 2}}, {2}, {not_a_number, not_a_number}, {{}});
  check([](Vars v) { return mean(v[0], {1}); }, {{0, 4}}, {0}, {}, {{}});
  check([](Vars v) { return mse(v[0], v[1]); }, {{0, 4}, {0, 4}}, {}, {not_a_number}, {{}, {}});
}

BOOST_AUTO_TEST_CASE(of_nothing_there_is_no_largest) {
  check([](Vars v) { return max(v[0], {1}); }, {{0, 4}}, {0}, {}, {{}});
  check([](Vars v) { return argmax(v[0], 1); }, {{0, 4}}, {0}, {}, {});
  const auto all = refusal([](Tape& tape) { max(tape.input({0, 4})); });
  BOOST_TEST(contains(all, "axis 0 of (0, 4) has no elements"), all);
  const auto last = refusal([](Tape& tape) { max(tape.input({3, 0}), {1}); });
  BOOST_TEST(contains(last, "axis 1 of (3, 0) has no elements"), last);
  BOOST_TEST(contains(last, "zero_elements_test.cpp:"), last);
  const auto place = refusal([](Tape& tape) { argmax(tape.input({3, 0}), 1); });
  BOOST_TEST(contains(place, "axis 1 of (3, 0) has no elements"), place);
}

BOOST_AUTO_TEST_CASE(what_is_chosen_or_multiplied_of_nothing) {
  check([](Vars v) { return prod(v[0]); }, {{0, 4}}, {}, {1}, {{}});
  check([](Vars v) { return prod(v[0], {1}); }, {{2, 0}}, {2}, {1, 1}, {{}});
  check([](Vars v) { return prod(v[0], {1}); }, {{0, 4}}, {0}, {}, {{}});
  check([](Vars v) { return cumsum(v[0], 1); }, {{3, 0}}, {3, 0}, {}, {{}});
  check([](Vars v) { return min(v[0], {1}); }, {{0, 4}}, {0}, {}, {{}});
  check([](Vars v) { return log_sum_exp(v[0], {1}); }, {{0, 4}}, {0}, {}, {{}});
  check([](Vars v) { return where(greater(v[0], v[1]), v[0], 1.0); }, {{0, 4}, {4}}, {0, 4}, {},
        {{}, {0, 0, 0, 0}});
  check([](Vars v) { return pow(softplus(v[0]), v[1]); }, {{0, 2}, {2}}, {0, 2}, {}, {{}, {0, 0}});
}

BOOST_AUTO_TEST_CASE(a_product_over_nothing_is_zero) {
  const Function product = [](Vars v) { return matmul(v[0], v[1]); };
  check(product, {{2, 0}, {0, 3}}, {2, 3}, Values(6, 0.0), {{}, {}});
  check(product, {{0, 2}, {2, 3}}, {0, 3}, {}, {{}, Values(6, 0.0)});
  check(product, {{3, 2}, {2, 0}}, {3, 0}, {}, {Values(6, 0.0), {}});
  check(product, {{2, 3, 0}, {0, 4}}, {2, 3, 4}, Values(24, 0.0), {{}, {}});
  check(product, {{0, 3, 2}, {2, 4}}, {0, 3, 4}, {}, {{}, Values(8, 0.0)});
  check(product, {{2, 3, 0}, {2, 0, 4}}, {2, 3, 4}, Values(24, 0.0), {{}, {}});
  check(product, {{0, 3, 2}, {0, 2, 4}}, {0, 3, 4}, {}, {{}, {}});
  check([](Vars v) { return matmul(v[0], v[1], {.src = true}); }, {{0, 2}, {0, 3}}, {2, 3}, Values(6, 0.0),
        {{}, {}});
}

BOOST_AUTO_TEST_CASE(a_linear_layer_of_nothing_is_its_bias) {
  const Function layer = [](Vars v) { return linear(v[0], v[1], v[2]); };
  check(layer, {{2, 0}, {3, 0}, {3}}, {2, 3}, Values(6, 1.0), {{}, {}, {2, 2, 2}});
  check(layer, {{0, 2}, {3, 2}, {3}}, {0, 3}, {}, {{}, Values(6, 0.0), {0, 0, 0}});
  const Function active = [](Vars v) { return relu(linear(v[0], v[1], v[2])); };
  check(active, {{2, 0}, {3, 0}, {3}}, {2, 3}, Values(6, 1.0), {{}, {}, {2, 2, 2}});
  check(active, {{0, 2}, {3, 2}, {3}}, {0, 3}, {}, {{}, Values(6, 0.0), {0, 0, 0}});
}

BOOST_AUTO_TEST_CASE(nothing_broadcasts_against_one) {
  const Function product = [](Vars v) { return v[0] * v[1] + v[0]; };
  check(product, {{0, 4}, {1, 4}}, {0, 4}, {}, {{}, {0, 0, 0, 0}});
  check(product, {{0, 4}, {4}}, {0, 4}, {}, {{}, {0, 0, 0, 0}});
  check(product, {{0, 1}, {1, 3}}, {0, 3}, {}, {{}, {0, 0, 0}});
  check(product, {{0, 4}, {}}, {0, 4}, {}, {{}, {0}});
  check([](Vars v) { return broadcast_to(v[0], {0, 2}); }, {{1, 2}}, {0, 2}, {}, {{0, 0}});
  const auto misfit = refusal([](Tape& tape) { tape.input({0}) + tape.input({3}); });
  BOOST_TEST(contains(misfit, "0 meets 3"), misfit);
}

BOOST_AUTO_TEST_CASE(nothing_can_be_joined_cut_and_turned) {
  const Function join = [](Vars v) { return concatenate({v[0], v[1], v[2]}, 1); };
  check(join, {{2, 1}, {2, 0}, {2, 2}}, {2, 3}, Values(6, 1.0), {{1, 1}, {}, Values(4, 1.0)});
  check(
      [](Vars v) {
        return concatenate({v[0], v[1]}, 0);
      },
      {{0, 3}, {1, 3}}, {1, 3}, {1, 1, 1}, {{}, {1, 1, 1}});
  check([](Vars v) { return concatenate({v[0], v[1]}, 0); }, {{0, 3}, {0, 3}}, {0, 3}, {}, {{}, {}});
  check([](Vars v) { return slice(v[0], 1, 1, 1); }, {{2, 3}}, {2, 0}, {}, {Values(6, 0.0)});
  check([](Vars v) { return slice(v[0], 0, 3, 3); }, {{3, 2}}, {0, 2}, {}, {Values(6, 0.0)});
  check([](Vars v) { return slice(v[0], 1, 0, 2); }, {{0, 3}}, {0, 2}, {}, {{}});
  check([](Vars v) { return reshape(v[0], {2, 0, 7}); }, {{0, 4}}, {2, 0, 7}, {}, {{}});
  check([](Vars v) { return reshape(v[0], {-1, 2}); }, {{0, 4}}, {0, 2}, {}, {{}});
  check([](Vars v) { return flatten(v[0]); }, {{0, 2, 3}}, {0, 6}, {}, {{}});
  check([](Vars v) { return transpose(v[0]); }, {{0, 4}}, {4, 0}, {}, {{}});
  check([](Vars v) { return slice(v[0], 0, {.step = -2}); }, {{0, 4}}, {0, 4}, {}, {{}});
  check([](Vars v) { return slice(v[0], 0, {.begin = 1, .end = 1, .step = 2}); }, {{2, 2}}, {0, 2}, {},
        {Values(4, 0.0)});
  check([](Vars v) { return flip(v[0]); }, {{2, 0}}, {2, 0}, {}, {{}});
  check([](Vars v) { return tile(v[0], {0, 2}); }, {{2, 1}}, {0, 2}, {}, {{0, 0}});
  check([](Vars v) { return repeat(v[0], 0, 1); }, {{2, 1}}, {2, 0}, {}, {{0, 0}});
  check([](Vars v) { return pad(v[0], {{1, 1}}); }, {{2, 0}}, {2, 2}, Values(4, 0.0), {{}});
  check([](Vars v) { return tril(v[0]); }, {{0, 3, 3}}, {0, 3, 3}, {}, {{}});
}

// Indices are zeros.
BOOST_AUTO_TEST_CASE(nothing_can_be_taken_and_gathered) {
  check([](Vars v) { return take(v[0], v[1]); }, {{3, 2}}, {0, 2}, {}, {Values(6, 0.0)}, {{0}});
  check([](Vars v) { return take(v[0], v[1]); }, {{3, 0}}, {2, 0}, {}, {{}}, {{2}});
  check([](Vars v) { return gather(v[0], v[1], 0); }, {{3, 2}}, {0, 2}, {}, {Values(6, 0.0)}, {{0, 2}});
  check([](Vars v) { return scatter_add(v[0], v[2], v[1], 0); }, {{2, 1}, {0, 1}}, {2, 1}, {1, 1},
        {{1, 1}, {}}, {{0, 1}});
}

BOOST_AUTO_TEST_CASE(what_works_on_elements_or_rows_works_on_none) {
  check([](Vars v) { return relu(tanh(exp(v[0]))); }, {{0, 4}}, {0, 4}, {}, {{}});
  for (const int axis : {0, 1}) {
    check([axis](Vars v) { return softmax(v[0], axis); }, {{0, 4}}, {0, 4}, {}, {{}});
    check([axis](Vars v) { return log_softmax(v[0], axis); }, {{4, 0}}, {4, 0}, {}, {{}});
  }
  check([](Vars v) { return layer_norm(v[0], v[1], v[2]); }, {{0, 3}, {3}, {3}}, {0, 3}, {},
        {{}, {0, 0, 0}, {0, 0, 0}});
}

BOOST_AUTO_TEST_CASE(a_batch_of_no_images_goes_through_convolutions_and_pooling) {
  check([](Vars v) { return conv2d(v[0], v[1], v[2]); }, {{0, 2, 4, 4}, {3, 2, 3, 3}, {3}}, {0, 3, 2, 2}, {},
        {{}, Values(54, 0.0), {0, 0, 0}});
  check([](Vars v) { return conv2d(v[0], v[1]); }, {{0, 2, 4, 4}, {3, 2, 1, 1}}, {0, 3, 4, 4}, {},
        {{}, Values(6, 0.0)});
  const Pool2dOptions two{.kernel = {2, 2}, .stride = {2, 2}};
  check([&](Vars v) { return max_pool2d(v[0], two); }, {{0, 2, 4, 4}}, {0, 2, 2, 2}, {}, {{}});
  check([&](Vars v) { return average_pool2d(v[0], two); }, {{0, 2, 4, 4}}, {0, 2, 2, 2}, {}, {{}});
  const auto pixels = refusal([&](Tape& tape) { max_pool2d(tape.input({2, 2, 0, 4}), two); });
  BOOST_TEST(contains(pixels, "the image (0, 4) has no pixels"), pixels);
}

BOOST_AUTO_TEST_CASE(the_loss_of_no_samples_is_not_a_number) {
  check([](Vars v) { return cross_entropy(v[0], v[1]); }, {{0, 3}}, {}, {not_a_number}, {{}}, {{0}});
  const auto classes = refusal([](Tape& tape) {
    cross_entropy(tape.input({2, 0}), tape.input({2}, DType::s32));
  });
  BOOST_TEST(contains(classes, "one class or more"), classes);
}

BOOST_AUTO_TEST_CASE(batch_norm_learns_nothing_from_no_samples) {
  const auto text = refusal([](Tape& tape) {
    batch_norm_training(tape.input({0, 2}), tape.input({2}), tape.input({2}), 1e-5);
  });
  BOOST_TEST(contains(text, "needs more than one sample"), text);
  const Function inference = [](Vars v) {
    Tape& tape = v[0].tape();
    const Var mean = tape.stored(ones({2}, v[0].dtype()), "mean");
    const Var variance = tape.stored(ones({2}, v[0].dtype()), "variance");
    return batch_norm_inference(v[0], v[1], v[2], mean, variance, 1e-5);
  };
  check(inference, {{0, 2}, {2}, {2}}, {0, 2}, {}, {{}, {0, 0}, {0, 0}});
}

BOOST_AUTO_TEST_CASE(gradients_without_elements_are_clipped_beside_others) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Tape tape;
    const Var none = tape.stored(ones({0, 2}, dtype));
    const Var four = tape.stored(ones({4}, dtype));
    const auto both = clip_by_norm(std::array{none, four}, 1.0);
    const auto alone = clip_by_norm(std::array{none}, 1.0);
    Plan plan{tape, std::array{both.norm, both.grads[1], alone.norm}};
    plan.run();
    BOOST_TEST(values(plan.output(0))[0] == 2.0);
    BOOST_TEST(values(plan.output(1))[3] == 0.5, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(values(plan.output(2))[0] == 0.0);
  }
}

// No step is made on nothing, and the predictions for nothing are none.
BOOST_AUTO_TEST_CASE(a_model_takes_an_empty_batch) {
  Mlp model{{.inputs = 4, .hidden = {5}, .classes = 3}};
  initialize(model, Rng{1});
  Inference predict{model};
  BOOST_TEST((predict(Tensor{{0, 4}}).shape() == Shape{0, 3}));
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  const auto before = parameters(model)[0].parameter->value().clone();
  BOOST_TEST(std::isnan(step(Tensor{{0, 4}}, Tensor{{0}, DType::s32})));
  BOOST_TEST(same(values(before), values(parameters(model)[0].parameter->value())));
}

BOOST_AUTO_TEST_SUITE_END()
