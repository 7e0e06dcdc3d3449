#include "keel/models/compiled_function.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/linear.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/mse.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::values;

using Vars = std::span<const Var>;

}  // namespace

BOOST_AUTO_TEST_SUITE(compiled_function_test)

BOOST_AUTO_TEST_CASE(it_records_once_for_each_combination_of_types_and_threads) {
  int recordings = 0;
  CompiledFunction function{Mode::training, [&](Tape&, Vars v) {
                              ++recordings;
                              return std::vector{v[0] + v[1]};
                            }};
  const auto call = [&](const Shape& shape, DType dtype) {
    const Tensor tensor{shape, dtype};
    function(std::array{tensor, tensor});
  };
  call({4}, DType::f32);
  call({4}, DType::f32);
  BOOST_TEST(recordings == 1);
  call({5}, DType::f32);
  call({4}, DType::f64);
  BOOST_TEST(recordings == 3);
  call({4}, DType::f32);
  call({5}, DType::f32);
  BOOST_TEST(recordings == 3);
  const ThreadLimit limit{ThreadLimit::current() + 1};
  call({4}, DType::f32);
  BOOST_TEST(recordings == 4);
}

BOOST_AUTO_TEST_CASE(it_uses_the_tensors_of_each_call) {
  CompiledFunction function{Mode::training, [](Tape&, Vars v) { return std::vector{v[0] * v[1]}; }};
  for (const float factor : {2.0F, 3.0F}) {
    const std::array inputs{Tensor::of<float>({2}, {1, 10}), Tensor::of<float>({}, {factor})};
    BOOST_TEST(values(function(inputs).output(0)) == (std::vector<double>{factor, 10 * factor}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(the_tape_has_the_mode_that_was_asked_for) {
  for (const auto mode : {Mode::training, Mode::inference}) {
    CompiledFunction function{mode, [&](Tape& tape, Vars v) {
                                BOOST_TEST((tape.mode() == mode));
                                return std::vector{relu(v[0])};
                              }};
    const Tensor src{Shape{3}};
    function(std::span{&src, 1});
  }
}

BOOST_AUTO_TEST_CASE(fusion_rules_are_applied) {
  CompiledFunction function{Mode::inference,
                            [](Tape&, Vars v) { return std::vector{nll(log_softmax(v[0]), v[1])}; }};
  const std::array inputs{random_tensor({3, 4}, 1), test::random_labels(3, 4)};
  const auto& plan = function(inputs);
  BOOST_TEST(plan.steps().size() == 1);
  BOOST_TEST(plan.steps()[0].node.op->name() == "log_softmax+nll");
}

BOOST_AUTO_TEST_CASE(a_recording_that_throws_leaves_the_function_usable) {
  CompiledFunction function{Mode::training, [](Tape&, Vars v) { return std::vector{matmul(v[0], v[1])}; }};
  const Tensor a = random_tensor({3, 4}, 1);
  const Tensor b = random_tensor({4, 5}, 2);
  BOOST_CHECK_THROW(function(std::array{a, a}), ShapeError);
  BOOST_TEST(to_string(function(std::array{a, b}).output(0).shape()) == "(3, 5)");
}

BOOST_AUTO_TEST_CASE(plans_are_bounded_and_the_least_recently_used_go_first) {
  std::vector<std::int64_t> recorded;
  CompiledFunction function{Mode::training,
                            [&](Tape&, Vars v) {
                              recorded.push_back(v[0].type().shape[0]);
                              return std::vector{v[0] + v[0]};
                            },
                            {.plans = 3}};
  const auto call = [&](std::int64_t size) { function(std::array{Tensor{Shape{size}}}); };
  for (const std::int64_t size : {1, 2, 3, 1, 4}) call(size);  // 2 goes
  BOOST_TEST(function.plans() == 3U);
  for (const std::int64_t size : {1, 3, 4}) call(size);
  BOOST_TEST(recorded.size() == 4U);
  call(2);  // 1 goes
  call(3);
  BOOST_TEST(recorded == (std::vector<std::int64_t>{1, 2, 3, 4, 2}), boost::test_tools::per_element());
  call(1);
  BOOST_TEST(recorded.back() == 1);
  function.set_plan_bound({.plans = 1});
  call(1);
  BOOST_TEST(function.plans() == 3U);
  call(9);
  BOOST_TEST(function.plans() == 1U);
}

BOOST_AUTO_TEST_CASE(their_memory_is_bounded_too_but_one_may_be_of_any_size) {
  CompiledFunction function{Mode::training, [](Tape&, Vars v) { return std::vector{v[0] + v[0]}; }};
  const auto call = [&](std::int64_t size) { function(std::array{Tensor{Shape{size}}}); };
  call(1000);
  const auto one = function.bytes();
  BOOST_TEST(one >= 4000U);
  function.set_plan_bound({.bytes = 2 * one});
  call(999), call(998), call(997);
  BOOST_TEST(function.plans() == 2U);
  BOOST_TEST(function.bytes() <= 2 * one);
  call(100'000);
  BOOST_TEST(function.plans() == 1U);
  BOOST_TEST(function.bytes() > 2 * one);
}

BOOST_AUTO_TEST_CASE(a_net_that_meets_thousands_of_sizes_keeps_few_plans) {
  Linear model{3, 2};
  initialize(model, Rng{1});
  CompiledFunction function{Mode::inference, [&](Tape&, Vars v) { return std::vector{model(v[0])}; }};
  for (std::int64_t size = 1; size <= 1000; ++size) {
    function(std::array{Tensor{Shape{size, 3}}});
    BOOST_REQUIRE(function.plans() <= PlanBound{}.plans);
  }
  BOOST_TEST(function.plans() == PlanBound{}.plans);
  BOOST_TEST(function.bytes() <= PlanBound{}.bytes);
}

// With room for one plan, each call's results stay until the next call.
BOOST_AUTO_TEST_CASE(results_stay_until_the_next_call_however_tight_the_bound) {
  Linear model{3, 2};
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.0}};
  TrainingStep step{model, sgd, mse};
  Inference inference{model};
  Inference unbounded{model};
  step.set_plan_bound({.plans = 0, .bytes = 0});
  inference.set_plan_bound({.plans = 0, .bytes = 0});
  for (const std::int64_t size : {5, 6, 5, 7, 6}) {
    const Tensor src = random_tensor({size, 3}, 1);
    const Tensor& result = inference(src);
    const Tensor target = random_tensor({size, 2}, 2);
    Plan& plan = step.plan(src, target);
    plan.run();
    BOOST_TEST(static_cast<double>(plan.output(0).data<float>()[0]) == step(src, target));
    BOOST_TEST(values(result) == values(unbounded(src)), boost::test_tools::per_element());
  }
  step.forget();
  inference.forget();
  inference(random_tensor({5, 3}, 1));
}

BOOST_AUTO_TEST_SUITE_END()
