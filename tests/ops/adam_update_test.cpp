#include "keel/ops/adam.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/update_support.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using test::allocate;
using test::fill_randomly;
using test::stored;
using test::throws_with;

constexpr std::array rates{0.1, 0.1, 0.025, 0.0, 1.0};

// What Adam updates, all zero but for the parameters.
struct State {
  std::vector<Tensor> parameters, means, variances, grads;
  Tensor rate{Shape{}, DType::f64};
  Tensor step{Shape{}, DType::f64};  // of all parameters
  std::vector<Tensor> steps;         // of each, where they are counted by themselves

  // Bit k of `adjacent`: whether array k of all parameters lies side by side.
  State(const std::vector<Shape>& shapes, DType dtype, unsigned adjacent)
      : parameters(allocate(shapes, dtype, (adjacent & 1U) != 0)),
        means(allocate(shapes, dtype, (adjacent & 2U) != 0)),
        variances(allocate(shapes, dtype, (adjacent & 4U) != 0)),
        grads(allocate(shapes, dtype, (adjacent & 8U) != 0)) {
    if (dtype == DType::f32)
      fill_randomly<float>(parameters, 1);
    else
      fill_randomly<double>(parameters, 1);
  }

  Plan compile(const AdamSettings& settings) const {
    Tape tape;
    adam_update({.parameters = stored(tape, parameters),
                 .means = stored(tape, means),
                 .variances = stored(tape, variances),
                 .grads = stored(tape, grads)},
                tape.stored(rate), stored(tape, steps.empty() ? std::vector{step} : steps), settings);
    return Plan{tape, std::span<const Var>{}};
  }
};

// One element by the textbook in double, with how far a computation of unit roundoff `unit` may be off.
struct Textbook {
  double parameter;
  double mean = 0.0;
  double variance = 0.0;
  double magnitude = 0.0;  // the mean of the gradients' magnitudes
  double bound = 0.0;      // of the parameter's error

  void step(int t, double learning_rate, double decay, const AdamSettings& settings, double grad,
            double unit) {
    mean = settings.beta1 * mean + (1.0 - settings.beta1) * grad;
    magnitude = settings.beta1 * magnitude + (1.0 - settings.beta1) * std::abs(grad);
    variance = settings.beta2 * variance + (1.0 - settings.beta2) * grad * grad;
    const double correction = 1.0 - std::pow(settings.beta1, t);
    const double unbiased_variance = variance / (1.0 - std::pow(settings.beta2, t));
    const double denominator = std::sqrt(unbiased_variance) + settings.epsilon;
    const double before = parameter;
    parameter -= learning_rate * (mean / correction / denominator + decay * parameter);
    // The mean is rounded three times a step, in all 3t times. So is the variance, and once more as a square:
    // its root has half of that. Root, scale, product, epsilon and sum add 5, the quotient, the rate and its
    // product 3. The parameter's own shrinkage, product and difference are 3 more. 1 - beta^t is computed in
    // double by both.
    const double moved = learning_rate * magnitude / correction / denominator;
    const double roundings = 3.0 * t + 0.5 * (3.0 * t + 1.0) + 5.0 + 3.0;
    bound += unit * (roundings * moved + 3.0 * (std::abs(before) + moved));
  }
};

template <class T>
void check_against_textbook(const std::vector<Shape>& shapes, unsigned adjacent,
                            const AdamSettings& settings) {
  const State state{shapes, dtype_of<T>(), adjacent};
  // In double, both sides round; the textbook's own formula has no more roundings than the other.
  const double unit = dtype_of<T>() == DType::f32 ? test::unit_roundoff : 2 * 0x1p-53;
  std::vector<std::vector<Textbook>> expected;
  for (const auto& parameter : state.parameters) {
    expected.emplace_back();
    for (const double value : test::values(parameter)) expected.back().push_back({value});
  }
  Plan plan = state.compile(settings);
  int t = 0;
  for (const double learning_rate : rates) {
    ++t;
    state.rate.data<double>()[0] = learning_rate;
    fill_randomly<T>(state.grads, static_cast<std::uint64_t>(100 * t));
    plan.run();
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const bool decays = settings.decay == WeightDecay::everything || shapes[i].rank() >= 2;
      const auto grads = test::values(state.grads[i]);
      std::vector<double> parameters, bounds;
      for (std::size_t k = 0; k < grads.size(); ++k) {
        auto& element = expected[i][k];
        element.step(t, learning_rate, decays ? settings.weight_decay : 0.0, settings, grads[k], unit);
        parameters.push_back(element.parameter);
        bounds.push_back(element.bound);
      }
      BOOST_TEST(test::within(test::values(state.parameters[i]), parameters, bounds),
                 "parameter " << i << ", step " << t << ", adjacent " << adjacent);
    }
  }
  BOOST_TEST(state.step.data<double>()[0] == t);
}

// All parameters after some steps.
std::vector<std::vector<double>> train(const State& state, const AdamSettings& settings) {
  Plan plan = state.compile(settings);
  for (const double learning_rate : rates) {
    state.rate.data<double>()[0] = learning_rate;
    fill_randomly<float>(state.grads, static_cast<std::uint64_t>(1000 * learning_rate));
    plan.run();
  }
  std::vector<std::vector<double>> result;
  for (const auto& parameter : state.parameters) result.push_back(test::values(parameter));
  return result;
}

const std::vector<AdamSettings> all_settings{
    {},
    {.weight_decay = 0.1},
    {.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.1, .weight_decay = 0.1, .decay = WeightDecay::everything},
    {.beta1 = 0.0, .beta2 = 0.9}};

}  // namespace

BOOST_AUTO_TEST_SUITE(adam_update_test)

BOOST_AUTO_TEST_CASE(two_steps_worked_by_hand) {
  for (const double decay : {0.0, 0.5}) {
    const State state{{Shape{1, 1}}, DType::f64, 0U};
    double& parameter = state.parameters[0].data<double>()[0];
    double& grad = state.grads[0].data<double>()[0];
    parameter = 1.0;
    state.rate.data<double>()[0] = 0.5;
    Plan plan = state.compile({.beta1 = 0.5, .beta2 = 0.75, .epsilon = 1.0, .weight_decay = decay});
    grad = 4.0;
    plan.run();  // mean 2, variance 4; unbiased 4 and 16; 4 / (4 + 1)
    const double first = (1.0 - 0.5 * decay) - 0.4;
    BOOST_TEST(std::abs(parameter - first) < 4 * 0x1p-53);
    grad = -4.0;
    plan.run();  // mean -1, variance 7; unbiased -4/3 and 16; -4/3 / (4 + 1)
    BOOST_TEST(state.means[0].data<double>()[0] == -1.0);
    BOOST_TEST(state.variances[0].data<double>()[0] == 7.0);
    BOOST_TEST(std::abs(parameter - ((1.0 - 0.5 * decay) * first + 2.0 / 15.0)) < 8 * 0x1p-53);
    BOOST_TEST(state.step.data<double>()[0] == 2.0);
  }
}

BOOST_AUTO_TEST_CASE(several_steps_follow_the_textbook) {
  for (const auto& settings : all_settings) {
    for (const auto& shapes : test::update_shapes()) {
      for (unsigned adjacent = 0; adjacent < 16; ++adjacent) {
        check_against_textbook<float>(shapes, adjacent, settings);
        check_against_textbook<double>(shapes, adjacent, settings);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(memory_side_by_side_and_threads_change_no_bit) {
  const std::vector shapes{Shape{128, 784}, Shape{128}, Shape{3, 5}, Shape{10, 128}};
  for (const auto& settings : all_settings) {
    std::vector<std::vector<std::vector<double>>> results;
    for (const int threads : {1, 2}) {
      const ThreadLimit limit{threads};
      for (const unsigned adjacent : {0U, 7U, 14U, 15U})
        results.push_back(train(State{shapes, DType::f32, adjacent}, settings));
    }
    for (const auto& result : results) BOOST_TEST((result == results[0]));
  }
}

// Neighbours in memory that are at different steps, and at the same: as if each were updated by itself.
BOOST_AUTO_TEST_CASE(each_parameter_is_updated_by_its_own_step) {
  const std::vector shapes{Shape{4, 8}, Shape{2, 16}, Shape{32}, Shape{16}, Shape{5}, Shape{3, 7}};
  const std::array<double, 6> done{0, 0, 1000, 1000, 0, 3};
  for (const auto& settings : all_settings) {
    for (const unsigned adjacent : {0U, 15U}) {
      State together{shapes, DType::f32, adjacent};
      for (const double count : done) together.steps.push_back(Tensor::of<double>({}, {count}));
      std::vector<State> alone;
      for (std::size_t i = 0; i < shapes.size(); ++i) {
        alone.emplace_back(std::vector{shapes[i]}, DType::f32, 0U);
        std::ranges::copy(together.parameters[i].data<float>(), alone[i].parameters[0].data<float>().begin());
        alone[i].step.data<double>()[0] = done[i];
      }
      Plan plan = together.compile(settings);
      std::vector<Plan> plans;
      for (const auto& state : alone) plans.push_back(state.compile(settings));
      for (std::uint64_t round = 1; round <= 3; ++round) {
        fill_randomly<float>(together.grads, round);
        together.rate.data<double>()[0] = 0.1;
        plan.run();
        for (std::size_t i = 0; i < shapes.size(); ++i) {
          std::ranges::copy(together.grads[i].data<float>(), alone[i].grads[0].data<float>().begin());
          alone[i].rate.data<double>()[0] = 0.1;
          plans[i].run();
          BOOST_TEST(test::values(together.parameters[i]) == test::values(alone[i].parameters[0]),
                     boost::test_tools::per_element());
          BOOST_TEST(together.steps[i].data<double>()[0] == done[i] + static_cast<double>(round));
        }
      }
    }
  }
}

// As an optimizer does for each shape of batch: the count goes on.
BOOST_AUTO_TEST_CASE(plans_that_share_the_step_count_on) {
  const State alone{{Shape{2, 8}}, DType::f32, 0U};
  const State shared{{Shape{2, 8}}, DType::f32, 0U};
  Plan plan = alone.compile({});
  std::vector<Plan> plans;
  for (int i = 0; i < 2; ++i) plans.push_back(shared.compile({}));
  for (std::uint64_t i = 0; i < 6; ++i) {
    for (const auto* state : {&alone, &shared}) {
      state->rate.data<double>()[0] = 0.1;
      fill_randomly<float>(state->grads, i);
    }
    plan.run();
    plans[i % 2].run();
  }
  BOOST_TEST(shared.step.data<double>()[0] == 6.0);
  BOOST_TEST(test::values(shared.parameters[0]) == test::values(alone.parameters[0]),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(no_gradient_no_change) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    const State state{{Shape{3, 7}, Shape{5}}, dtype, 15U};
    state.rate.data<double>()[0] = 0.1;
    const auto before = test::values(state.parameters[0]);
    Plan plan = state.compile({});
    for (int i = 0; i < 3; ++i) plan.run();
    BOOST_TEST(test::values(state.parameters[0]) == before, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_gradient_that_is_not_finite_is_reported) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), HUGE_VAL, -HUGE_VAL}) {
    const State state{{Shape{3, 7}, Shape{5}}, DType::f64, 15U};
    state.rate.data<double>()[0] = 0.1;
    Plan plan = state.compile({});
    plan.run();
    state.grads[1].data<double>()[4] = bad;
    BOOST_TEST(throws_with<NonFiniteError>([&] { plan.run(); },
                                           {"adam_update", "adam_update_test.cpp:", "not finite"}));
  }
}

BOOST_AUTO_TEST_CASE(arguments_that_do_not_correspond_are_named) {
  Tape tape;
  const auto vars =
      stored(tape, allocate({Shape{3}, Shape{3}, Shape{3}, Shape{3}, Shape{4}}, DType::f32, true));
  const Tensor rate{Shape{}, DType::f64};
  const Tensor step{Shape{}, DType::f64};
  const Tensor single{Shape{}};
  const std::array p{vars[0]}, m{vars[1]}, v{vars[2]}, g{vars[3]}, four{vars[4]};
  const auto update = [&](const AdamArrays& arrays, const Tensor& learning_rate, const Tensor& steps) {
    return [&tape, arrays, learning_rate, steps] {
      adam_update(arrays, tape.stored(learning_rate), tape.stored(steps), {});
    };
  };
  BOOST_TEST(throws_with<Error>(
      update({p, m, v, {}}, rate, step),
      {"adam_update at adam_update_test.cpp:", "1 parameter, 1 mean, 1 variance and 0 gradients"}));
  BOOST_TEST(throws_with<ShapeError>(update({p, four, v, g}, rate, step), {"a mean must be (3), not (4)"}));
  BOOST_TEST(
      throws_with<ShapeError>(update({p, m, four, g}, rate, step), {"a variance must be (3), not (4)"}));
  BOOST_TEST(
      throws_with<ShapeError>(update({p, m, v, four}, rate, step), {"a gradient must be (3), not (4)"}));
  BOOST_TEST(throws_with<ShapeError>(update({p, m, v, g}, single, step), {"learning_rate must be f64"}));
  BOOST_TEST(throws_with<ShapeError>(update({p, m, v, g}, rate, single), {"step must be f64"}));
  BOOST_TEST(throws_with<ShapeError>(update({}, rate, step), {"there are no parameters"}));
  const std::array steps{tape.stored(rate), tape.stored(step)};
  BOOST_TEST(throws_with<Error>(
      [&] {
        adam_update({p, m, v, g}, tape.stored(rate), steps, {});
      },
      {"adam_update_test.cpp:", "1 parameter can't have 2 steps"}));
  const std::array computed{relu(vars[0])};
  BOOST_TEST(throws_with<Error>(update({computed, m, v, g}, rate, step), {"not a stored value"}));
}

BOOST_AUTO_TEST_SUITE_END()
