#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/sgd.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using test::throws_with;

// Tensors of the given shapes, side by side in one buffer or each in its own.
std::vector<Tensor> allocate(const std::vector<Shape>& shapes, DType dtype, bool adjacent) {
  std::size_t bytes = 0;
  for (const auto& shape : shapes) bytes += aligned(ValueType{shape, dtype}.bytes());
  const auto buffer = std::make_shared<Buffer>(bytes);
  std::vector<Tensor> tensors;
  std::size_t offset = 0;
  for (const auto& shape : shapes) {
    if (adjacent)
      tensors.emplace_back(buffer, offset, ValueType{shape, dtype});
    else
      tensors.emplace_back(shape, dtype);
    offset += aligned(tensors.back().type().bytes());
  }
  return tensors;
}

template <class T>
void fill_randomly(const std::vector<Tensor>& tensors, std::uint64_t seed) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor random = test::converted(test::random_tensor(tensors[i].shape(), seed + i), dtype_of<T>());
    std::ranges::copy(random.data<T>(), tensors[i].data<T>().begin());
  }
}

// Runs several steps on a compiled plan, changing the learning rate on the way, and the same by hand.
template <class T>
void check_steps(const std::vector<Shape>& shapes, bool adjacent, double momentum) {
  const std::vector<Tensor> parameters = allocate(shapes, dtype_of<T>(), adjacent);
  const std::vector<Tensor> velocities = allocate(shapes, dtype_of<T>(), adjacent);
  const std::vector<Tensor> grads = allocate(shapes, dtype_of<T>(), adjacent);
  fill_randomly<T>(parameters, 1);
  const Tensor rate{Shape{}, DType::f64};
  Tape tape;
  const auto stored = [&](const std::vector<Tensor>& tensors) {
    std::vector<Var> vars;
    for (const auto& tensor : tensors) vars.push_back(tape.stored(tensor));
    return vars;
  };
  sgd_update(stored(parameters), stored(velocities), stored(grads), tape.stored(rate), momentum);
  Plan plan{tape, std::span<const Var>{}};

  std::vector<std::vector<T>> expected;
  std::vector<std::vector<T>> speed;
  for (const Tensor& parameter : parameters) {
    expected.emplace_back(parameter.data<T>().begin(), parameter.data<T>().end());
    speed.emplace_back(expected.back().size(), T{0});
  }
  for (const double learning_rate : {0.1, 0.1, 0.025, 0.0, 1.0}) {
    rate.data<double>()[0] = learning_rate;
    fill_randomly<T>(grads, 100 + static_cast<std::uint64_t>(1000 * learning_rate));
    plan.run();
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      for (std::size_t k = 0; k < expected[i].size(); ++k) {
        speed[i][k] = static_cast<T>(momentum) * speed[i][k] + grads[i].data<T>()[k];
        expected[i][k] -= static_cast<T>(learning_rate) * speed[i][k];
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
  sgd_update(parameters, velocities, grads, tape.stored(rate), 0.5);
  Plan plan{tape, std::span<const Var>{}};
  plan.run();  // velocity 1, 4
  BOOST_TEST(test::values(parameter) == (std::vector{0.5, -3.0}), boost::test_tools::per_element());
  plan.run();  // velocity 1.5, 6
  BOOST_TEST(test::values(parameter) == (std::vector{-0.25, -6.0}), boost::test_tools::per_element());
  plan.run();  // velocity 1.75, 7
  BOOST_TEST(test::values(parameter) == (std::vector{-1.125, -9.5}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(memory_side_by_side_or_not_gives_the_same_bits_as_the_formula) {
  // Full cache lines, which one sweep joins, and others, between which there is a gap.
  const std::vector<std::vector<Shape>> cases{{Shape{16}},
                                              {Shape{16}, Shape{4, 8}, Shape{32}},
                                              {Shape{3}, Shape{}, Shape{16}, Shape{2, 8}, Shape{5}}};
  for (const auto& shapes : cases) {
    for (const bool adjacent : {false, true}) {
      check_steps<float>(shapes, adjacent, 0.9);
      check_steps<double>(shapes, adjacent, 0.9);
    }
  }
  check_steps<float>({Shape{7}}, false, 0.0);
}

BOOST_AUTO_TEST_CASE(an_array_long_enough_for_several_threads) {
  check_steps<float>({Shape{128, 784}, Shape{128}, Shape{10, 128}}, true, 0.9);
  const ThreadLimit one{1};
  check_steps<float>({Shape{128, 784}, Shape{128}, Shape{10, 128}}, true, 0.9);
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
      sgd_update(vars[0], vars[1], vars[2], tape.stored(rate), 0.9);
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
  const auto call = [&] { sgd_update(a, b, {}, learning_rate, 0.9); };
  BOOST_TEST(throws_with<Error>(call, {"sgd_update", "1 parameters, 1 velocities and 0 gradients", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { sgd_update(a, b, c, learning_rate, 0.9); },
                                     {"sgd_update", "a gradient must be (3), not (4)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { sgd_update(a, c, b, learning_rate, 0.9); },
                                     {"a velocity must be (3), not (4)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { sgd_update(a, b, b, tape.stored(single_rate), 0.9); },
                                     {"learning_rate must be f64, not f32"}));
  BOOST_TEST(throws_with<ShapeError>([&] { sgd_update({}, {}, {}, learning_rate, 0.9); },
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
        sgd_update(computed, velocities, velocities, tape.stored(rate), 0.9);
        Plan(tape, std::span<const Var>{});
      },
      Error);
}

BOOST_AUTO_TEST_SUITE_END()
