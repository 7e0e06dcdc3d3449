#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/update_support.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/sgd.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using test::allocate;
using test::fill_randomly;
using test::stored;
using test::throws_with;

// Bit k of `adjacent`: whether the parameters (k = 0), velocities, gradients lie side by side.
// Runs several steps on a compiled plan, changing the learning rate on the way, and the same by hand.
template <class T>
void check_steps(const std::vector<Shape>& shapes, unsigned adjacent, const SgdSettings& settings) {
  const std::vector<Tensor> parameters = allocate(shapes, dtype_of<T>(), (adjacent & 1U) != 0);
  const std::vector<Tensor> velocities = allocate(shapes, dtype_of<T>(), (adjacent & 2U) != 0);
  const std::vector<Tensor> grads = allocate(shapes, dtype_of<T>(), (adjacent & 4U) != 0);
  fill_randomly<T>(parameters, 1);
  const Tensor rate{Shape{}, DType::f64};
  Tape tape;
  sgd_update(stored(tape, parameters), stored(tape, velocities), stored(tape, grads), tape.stored(rate),
             settings);
  Plan plan{tape, std::span<const Var>{}};

  std::vector<std::vector<T>> expected;
  std::vector<std::vector<T>> speed;
  for (const Tensor& parameter : parameters) {
    expected.emplace_back(parameter.data<T>().begin(), parameter.data<T>().end());
    speed.emplace_back(expected.back().size(), T{0});
  }
  const auto momentum = static_cast<T>(settings.momentum);
  for (const double learning_rate : {0.1, 0.1, 0.025, 0.0, 1.0}) {
    rate.data<double>()[0] = learning_rate;
    fill_randomly<T>(grads, 100 + static_cast<std::uint64_t>(1000 * learning_rate));
    plan.run();
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const bool decays = settings.decay == WeightDecay::everything || shapes[i].rank() >= 2;
      const auto decay = static_cast<T>(decays ? settings.weight_decay : 0.0);
      for (std::size_t k = 0; k < expected[i].size(); ++k) {
        const T g = grads[i].data<T>()[k] + decay * expected[i][k];
        speed[i][k] = momentum * speed[i][k] + g;
        const T followed = settings.nesterov ? g + momentum * speed[i][k] : speed[i][k];
        expected[i][k] -= static_cast<T>(learning_rate) * followed;
      }
      BOOST_TEST_CONTEXT("parameter " << i << ", rate " << learning_rate << ", adjacent " << adjacent) {
        BOOST_TEST(std::ranges::equal(parameters[i].data<T>(), expected[i]));
        BOOST_TEST(std::ranges::equal(velocities[i].data<T>(), speed[i]));
      }
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sgd_update_test)

BOOST_AUTO_TEST_CASE(several_steps_worked_by_hand) {
  const Tensor parameter = Tensor::of<double>({2}, {1, -1});
  const Tensor velocity{Shape{2}, DType::f64};
  const Tensor grad = Tensor::of<double>({2}, {1, 4});
  const Tensor rate = Tensor::of<double>({}, {0.5});
  Tape tape;
  const std::array parameters{tape.stored(parameter)};
  const std::array velocities{tape.stored(velocity)};
  const std::array grads{tape.stored(grad)};
  sgd_update(parameters, velocities, grads, tape.stored(rate), {.momentum = 0.5});
  Plan plan{tape, std::span<const Var>{}};
  plan.run();  // velocity 1, 4
  BOOST_TEST(test::values(parameter) == (std::vector{0.5, -3.0}), boost::test_tools::per_element());
  plan.run();  // velocity 1.5, 6
  BOOST_TEST(test::values(parameter) == (std::vector{-0.25, -6.0}), boost::test_tools::per_element());
  plan.run();  // velocity 1.75, 7
  BOOST_TEST(test::values(parameter) == (std::vector{-1.125, -9.5}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nesterov_with_weight_decay_worked_by_hand) {
  const Tensor parameter = Tensor::of<double>({1, 1}, {1});
  const Tensor velocity{Shape{1, 1}, DType::f64};
  const Tensor grad = Tensor::of<double>({1, 1}, {1});
  const Tensor rate = Tensor::of<double>({}, {0.5});
  Tape tape;
  sgd_update(std::array{tape.stored(parameter)}, std::array{tape.stored(velocity)},
             std::array{tape.stored(grad)}, tape.stored(rate),
             {.momentum = 0.5, .weight_decay = 0.5, .nesterov = true});
  Plan plan{tape, std::span<const Var>{}};
  plan.run();  // g = 1.5, velocity 1.5, step 1.5 + 0.75
  BOOST_TEST(parameter.data<double>()[0] == -0.125);
  plan.run();  // g = 1 - 0.0625, velocity 0.75 + 0.9375, step 0.9375 + 0.84375
  BOOST_TEST(velocity.data<double>()[0] == 1.6875);
  BOOST_TEST(parameter.data<double>()[0] == -1.015625);
}

// Every combination that has a loop of its own.
std::vector<SgdSettings> all_settings() {
  return {{.momentum = 0.9},
          {.momentum = 0.0},
          {.momentum = 0.9, .weight_decay = 0.1},
          {.momentum = 0.0, .weight_decay = 0.1},
          {.momentum = 0.9, .weight_decay = 0.1, .decay = WeightDecay::everything},
          {.momentum = 0.9, .nesterov = true},
          {.momentum = 0.9, .weight_decay = 0.1, .nesterov = true},
          {.momentum = 0.9, .weight_decay = 0.1, .nesterov = true, .decay = WeightDecay::everything}};
}

BOOST_AUTO_TEST_CASE(memory_side_by_side_or_not_gives_the_same_bits_as_the_formula) {
  for (const auto& shapes : test::update_shapes()) {
    for (const auto& settings : all_settings()) {
      for (unsigned adjacent = 0; adjacent < 8; ++adjacent) {
        check_steps<float>(shapes, adjacent, settings);
        check_steps<double>(shapes, adjacent, settings);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_array_long_enough_for_several_threads) {
  for (const auto& settings : all_settings()) {
    for (const int threads : {1, 2}) {
      const ThreadLimit limit{threads};
      check_steps<float>({Shape{128, 784}, Shape{128}, Shape{10, 128}}, 7U, settings);
    }
  }
}

// Gradients that the plan computes lie side by side where it can place them so; one sweep must not run over a
// gap.
BOOST_AUTO_TEST_CASE(computed_gradients_give_the_same_bits_as_stored_ones) {
  const std::vector shapes{Shape{16}, Shape{5}, Shape{4, 8}, Shape{}, Shape{3, 16}};
  for (const auto dtype : {DType::f32, DType::f64}) {
    std::vector<std::vector<std::vector<double>>> results;
    for (const bool computed : {false, true}) {
      const auto parameters = allocate(shapes, dtype, true);
      const auto velocities = allocate(shapes, dtype, true);
      const Tensor rate = Tensor::of<double>({}, {0.1});
      Tape tape;
      std::vector<Var> vars[3];
      for (std::size_t i = 0; i < shapes.size(); ++i) {
        vars[0].push_back(tape.stored(parameters[i]));
        vars[1].push_back(tape.stored(velocities[i]));
        const Tensor grad = test::converted(test::random_tensor(shapes[i], 50 + i), dtype);
        for (auto& value : dtype == DType::f32 ? grad.data<float>() : std::span<float>{})
          value = std::abs(value);
        for (auto& value : dtype == DType::f64 ? grad.data<double>() : std::span<double>{})
          value = std::abs(value);
        vars[2].push_back(computed ? relu(tape.stored(grad)) : tape.stored(grad));  // positive: the same bits
      }
      sgd_update(vars[0], vars[1], vars[2], tape.stored(rate), {.momentum = 0.9});
      Plan plan{tape, std::span<const Var>{}};
      for (int step = 0; step < 3; ++step) plan.run();
      auto& result = results.emplace_back();
      for (const auto& parameter : parameters) result.push_back(test::values(parameter));
    }
    BOOST_TEST((results[0] == results[1]));
  }
}

BOOST_AUTO_TEST_CASE(arguments_that_do_not_correspond_are_named) {
  Tape tape;
  const Tensor three{Shape{3}};
  const Tensor other{Shape{3}};
  const Tensor four{Shape{4}};
  const Tensor rate{Shape{}, DType::f64};
  const Tensor single_rate{Shape{}};
  const std::array a{tape.stored(three)};
  const std::array b{tape.stored(other)};
  const std::array c{tape.stored(four)};
  const Var learning_rate = tape.stored(rate);
  const std::string line = "sgd_update_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { sgd_update(a, b, {}, learning_rate, {.momentum = 0.9}); };
  BOOST_TEST(throws_with<Error>(call, {"sgd_update", "1 parameter, 1 velocity and 0 gradients", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { sgd_update(a, b, c, learning_rate, {.momentum = 0.9}); },
                                     {"sgd_update", "a gradient must be (3), not (4)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { sgd_update(a, c, b, learning_rate, {.momentum = 0.9}); },
                                     {"a velocity must be (3), not (4)"}));
  BOOST_TEST(
      throws_with<ShapeError>([&] { sgd_update(a, b, b, tape.stored(single_rate), {.momentum = 0.9}); },
                              {"learning_rate must be f64, not f32"}));
  BOOST_TEST(throws_with<ShapeError>([&] { sgd_update({}, {}, {}, learning_rate, {.momentum = 0.9}); },
                                     {"there are no parameters"}));
}

BOOST_AUTO_TEST_CASE(a_value_that_the_plan_computes_can_not_be_updated) {
  Tape tape;
  const Tensor parameter{Shape{3}};
  const Tensor velocity{Shape{3}};
  const Tensor rate{Shape{}, DType::f64};
  const std::array computed{relu(tape.stored(parameter))};
  const std::array velocities{tape.stored(velocity)};
  BOOST_CHECK_THROW(
      {
        sgd_update(computed, velocities, velocities, tape.stored(rate), {.momentum = 0.9});
        Plan(tape, std::span<const Var>{});
      },
      Error);
}

BOOST_AUTO_TEST_SUITE_END()
