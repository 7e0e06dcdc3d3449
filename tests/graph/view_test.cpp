// Views: values that share another value's memory under another shape.

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/graph/accumulate.hpp"
#include "keel/graph/layout.hpp"
#include "keel/keel.hpp"
#include "keel/runtime/buffer.hpp"

namespace {

using namespace keel;
using keel::testing::random_tensor;
using keel::testing::record_effect;
using keel::testing::values_of;
using Names = std::vector<std::string>;
using Values = std::vector<double>;

Names steps_of(const Plan& plan) {
  Names names;
  for (const auto& step : plan.steps()) names.emplace_back(step.node.op->name());
  return names;
}

auto per_element() {
  return boost::test_tools::per_element();
}

// What a plan's outputs hold after a run; nothing is to be bound.
std::vector<Values> run(Plan& plan, std::size_t outputs) {
  plan.run();
  std::vector<Values> results;
  for (std::size_t i = 0; i < outputs; ++i) results.push_back(values_of(plan.output(i)));
  return results;
}

BOOST_AUTO_TEST_SUITE(view_test)

BOOST_AUTO_TEST_CASE(a_view_in_the_middle_has_no_kernel) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Tape tape;
    const Var x = tape.stored(random_tensor({2, 6}, dtype));
    const Var y = relu(flatten(reshape(relu(x), {2, 3, 2}), 0) + tape.stored(random_tensor({12}, dtype, 2)));
    Plan sharing{tape, std::array{y}};
    BOOST_TEST(steps_of(sharing) == (Names{"relu", "add", "relu"}), per_element());
    Plan copying{tape, std::array{y}, {.reuse_memory = false}};
    BOOST_TEST(steps_of(copying) == (Names{"relu", "reshape", "flatten", "add", "relu"}), per_element());
    BOOST_TEST(run(sharing, 1)[0] == run(copying, 1)[0], per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_view_of_an_input_shows_what_is_bound) {
  Tape tape;
  const Var x = tape.input({4}, DType::f64, "x");
  const Var square = reshape(x, {2, 2});
  Plan plan{tape, std::array{square * square, matmul(square, square)}};
  BOOST_TEST(steps_of(plan) == (Names{"multiply", "matmul"}), per_element());
  const Tensor first = Tensor::of<double>({4}, {1, 2, 3, 4});
  plan.bind(x, first);
  BOOST_TEST(run(plan, 2)[0] == (Values{1, 4, 9, 16}), per_element());
  BOOST_TEST(values_of(plan.output(1)) == (Values{7, 10, 15, 22}), per_element());
  plan.bind(x, Tensor::of<double>({4}, {1, 0, 0, 5}));
  BOOST_TEST(run(plan, 2)[0] == (Values{1, 0, 0, 25}), per_element());
  BOOST_TEST(values_of(plan.output(1)) == (Values{1, 0, 0, 25}), per_element());
  plan.bind(x, first);
  first.data<double>()[0] = 10;  // bound without a copy
  BOOST_TEST(run(plan, 2)[0] == (Values{100, 4, 9, 16}), per_element());
}

BOOST_AUTO_TEST_CASE(oneDNN_s_kernels_follow_a_view_of_an_input) {
  Tape tape;
  const Var x = tape.input({4}, DType::f32, "x");
  Plan plan{tape, std::array{relu(reshape(x, {2, 2}))}};
  for (const float value : {1.0F, 2.0F}) {
    plan.bind(x, Tensor::of<float>({4}, {value, -value, value, value}));
    BOOST_TEST(run(plan, 1)[0] == (Values{value, 0, value, value}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_view_of_a_stored_value_shows_what_is_stored) {
  Tape tape;
  const Tensor state = Tensor::of<double>({4}, {1, 2, 3, 4});
  const Var view = reshape(tape.stored(state), {2, 2});
  Plan plan{tape, std::array{view * view}};
  BOOST_TEST(steps_of(plan) == Names{"multiply"}, per_element());
  BOOST_TEST(run(plan, 1)[0] == (Values{1, 4, 9, 16}), per_element());
  state.data<double>()[3] = 5;
  BOOST_TEST(run(plan, 1)[0] == (Values{1, 4, 9, 25}), per_element());
}

BOOST_AUTO_TEST_CASE(a_view_that_is_recorded_before_an_update_shows_the_old_values) {
  Tape tape;
  const Tensor state = Tensor::of<double>({2}, {1, 2});
  const Var stored = tape.stored(state);
  const Var before = reshape(stored, {2, 1});
  const Var before_too = flatten(before, 0);
  record_effect(stored, "double", [](double* values) {
    values[0] *= 2;
    values[1] *= 2;
  });
  const Var after = reshape(stored, {1, 2});
  Plan plan{tape, std::array{before * before, before_too * before_too, after * after}};
  double scale = 1;
  for (int i = 0; i < 3; ++i) {
    plan.run();
    const Values old{scale * scale, 4 * scale * scale};
    BOOST_TEST(values_of(plan.output(0)) == old, per_element());
    BOOST_TEST(values_of(plan.output(1)) == old, per_element());
    scale *= 2;
    BOOST_TEST(values_of(plan.output(2)) == (Values{scale * scale, 4 * scale * scale}), per_element());
  }
  BOOST_TEST(values_of(state) == (Values{8, 16}), per_element());
}

BOOST_AUTO_TEST_CASE(an_output_that_is_a_view_is_the_plan_s_own) {
  Tape tape;
  const Var input = tape.input({2}, DType::f64, "input");
  const Tensor state = Tensor::of<double>({2}, {3, 4});
  const Var stored = tape.stored(state);
  const Var computed = input * stored;
  const std::array outputs{reshape(input, {2, 1}), flatten(reshape(stored, {2, 1}), 0),
                           reshape(computed, {1, 2}), computed};
  Plan plan{tape, outputs};
  const Tensor bound = Tensor::of<double>({2}, {1, 2});
  plan.bind(input, bound);
  plan.run();
  bound.data<double>()[0] = 100;
  state.data<double>()[0] = 100;
  BOOST_TEST(values_of(plan.output(0)) == (Values{1, 2}), per_element());
  BOOST_TEST(values_of(plan.output(1)) == (Values{3, 4}), per_element());
  BOOST_TEST(values_of(plan.output(2)) == (Values{3, 8}), per_element());
  BOOST_TEST(values_of(plan.output(3)) == (Values{3, 8}), per_element());
  BOOST_TEST((plan.output(0).shape() == Shape{2, 1}));
  BOOST_TEST((plan.output(2).shape() == Shape{1, 2}));
  BOOST_TEST(plan.output(2).bytes() == plan.output(3).bytes());
  BOOST_TEST(plan.output(0).bytes() != bound.bytes());
  BOOST_TEST(plan.output(1).bytes() != state.bytes());
}

BOOST_AUTO_TEST_CASE(relu_works_in_place_on_a_view_that_nothing_else_reads) {
  Tape tape;
  const Var x = tape.stored(random_tensor({4, 4}));
  const Var y = relu(reshape(x * x, {16}));
  Plan plan{tape, std::array{y}};
  BOOST_TEST(plan.arena_bytes() == 16 * sizeof(double));
}

BOOST_AUTO_TEST_CASE(relu_on_a_view_leaves_alone_what_is_read_later) {
  const Tensor source = Tensor::of<double>({2, 2}, {-1, 2, -3, 4});
  Tape tape;
  const Var bound = tape.input({2, 2}, DType::f64, "bound");
  const Var stored = tape.stored(source.clone());
  const Var computed = bound + stored;
  const Var asked_for = bound + stored;
  const Var of_input = relu(reshape(bound, {4}));
  const Var of_stored = relu(reshape(stored, {4}));
  const Var of_computed = relu(reshape(computed, {4}));
  const Var of_output = relu(reshape(asked_for, {4}));
  const std::array outputs{of_input,      of_stored,       of_computed,         of_output,
                           bound * bound, stored * stored, computed * computed, asked_for};
  Plan plan{tape, outputs};
  const Tensor given = source.clone();
  plan.bind(bound, given);
  for (int i = 0; i < 2; ++i) {
    const auto results = run(plan, outputs.size());
    BOOST_TEST(results[0] == (Values{0, 2, 0, 4}), per_element());
    BOOST_TEST(results[1] == (Values{0, 2, 0, 4}), per_element());
    BOOST_TEST(results[2] == (Values{0, 4, 0, 8}), per_element());
    BOOST_TEST(results[3] == (Values{0, 4, 0, 8}), per_element());
    BOOST_TEST(results[4] == (Values{1, 4, 9, 16}), per_element());
    BOOST_TEST(results[5] == (Values{1, 4, 9, 16}), per_element());
    BOOST_TEST(results[6] == (Values{4, 16, 36, 64}), per_element());
    BOOST_TEST(results[7] == (Values{-2, 4, -6, 8}), per_element());
  }
  BOOST_TEST(values_of(given) == values_of(source), per_element());
}

// The gradients of two parameters that are used under other shapes are views of what the products computed;
// the update wants them side by side.
BOOST_AUTO_TEST_CASE(gradients_of_reshaped_parameters_train_as_those_of_plain_ones) {
  const auto train = [](bool reshaped, const PlanOptions& options) {
    const std::array parameters{random_tensor({3, 4}, DType::f32, 1), random_tensor({2, 3}, DType::f32, 2)};
    std::array flat{Tensor{Shape{12}}, Tensor{Shape{6}}};
    for (std::size_t i = 0; i < 2; ++i) {
      std::ranges::copy(parameters[i].data<float>(), flat[i].data<float>().begin());
    }
    Tape tape;
    std::vector<Var> trained;
    for (std::size_t i = 0; i < 2; ++i) trained.push_back(tape.stored(reshaped ? flat[i] : parameters[i]));
    const Var first = reshaped ? reshape(trained[0], {3, 4}) : trained[0];
    const Var second = reshaped ? reshape(trained[1], {2, 3}) : trained[1];
    const Var hidden = relu(linear(tape.stored(random_tensor({5, 4}, DType::f32, 3)), first));
    const Var output = linear(hidden, second);
    const Var loss = mean(output * output);
    Sgd sgd{{.learning_rate = 0.05, .momentum = 0.9}};
    sgd.update(trained, gradients(loss, trained));
    Plan plan{tape, std::array{loss}, options};
    for (int i = 0; i < 5; ++i) plan.run();
    auto result = values_of(reshaped ? flat[0] : parameters[0]);
    for (const double value : values_of(reshaped ? flat[1] : parameters[1])) result.push_back(value);
    return result;
  };
  const auto plain = train(false, {});
  BOOST_TEST(train(true, {}) == plain, per_element());
  BOOST_TEST(train(true, {.reuse_memory = false}) == plain, per_element());
  BOOST_TEST(train(true, {.rules = fusion_rules()}) == plain, per_element());
}

BOOST_AUTO_TEST_CASE(gradients_that_are_views_lie_side_by_side) {
  Tape tape;
  const std::vector parameters{tape.stored(Tensor{Shape{9}}), tape.stored(Tensor{Shape{21}}),
                               tape.stored(Tensor{Shape{24}})};
  const auto matrix = [&](std::size_t i, std::int64_t outputs) {
    return reshape(parameters[i], {outputs, -1});
  };
  const Var first = linear(tape.stored(random_tensor({2, 8}, DType::f32)), matrix(2, 3));
  const Var loss = mean(linear(linear(first, matrix(0, 3)), matrix(1, 7)));
  const auto grads = gradients(loss, parameters);
  Sgd sgd{{.learning_rate = 0.1}};
  sgd.update(parameters, grads);
  const auto layout = lay_out(tape.program(), {}, 0, true);
  const auto offset = [&](std::size_t i) { return *layout.offsets[grads[i].id()]; };
  BOOST_TEST(offset(1) == offset(0) + aligned(9 * sizeof(float)));
  BOOST_TEST(offset(2) == offset(1) + aligned(21 * sizeof(float)));
}

// A sum is written over its first term, and only then is the last one read.
BOOST_AUTO_TEST_CASE(a_value_and_its_view_are_one_input_that_is_read_twice) {
  Tape tape;
  const Var x = tape.stored(Tensor::of<double>({2}, {1, 2}));
  const Var square = x * x;
  const Var view = flatten(reshape(square, {2, 1}), 0);
  Plan plan{tape, std::array{accumulate(std::array{square, x, view})}};
  BOOST_TEST(run(plan, 1)[0] == (Values{3, 10}), per_element());
}

// Whatever is shared, overwritten or copied, the results are those of a plan in which every value has its own
// memory, run after run.
BOOST_AUTO_TEST_CASE(random_programs_of_views_agree_with_those_that_share_nothing) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto results = [&](bool reuse) {
      Rng rng{seed};
      Tape tape;
      std::vector<Var> stored;
      for (std::uint64_t i = 0; i < 2; ++i) {
        stored.push_back(tape.stored(random_tensor({2, 3, 2}, DType::f64, 10 * seed + i)));
      }
      std::vector<Var> vars = stored;
      const std::array<std::vector<std::int64_t>, 3> shapes{{{2, 3, 2}, {12}, {-1, 4}}};
      const auto any = [&] { return vars[rng.below(vars.size())]; };
      for (int i = 0; i < 25; ++i) {
        switch (rng.below(5)) {
          case 0:
            vars.push_back(relu(any()));
            break;
          case 1: {
            const Var a = any();
            vars.push_back(a * reshape_to(any(), a.shape()));
            break;
          }
          case 2:
            record_effect(stored[rng.below(2)], "shift", [](double* values) {
              for (int k = 0; k < 12; ++k) values[k] = 0.5 * values[k] + 0.1 * k;
            });
            break;
          default:
            vars.push_back(reshape(any(), shapes[rng.below(3)]));
        }
      }
      std::vector<Var> outputs{vars.back()};
      for (int i = 0; i < 3; ++i) outputs.push_back(any());
      Plan plan{tape, outputs, {.reuse_memory = reuse}};
      auto all = run(plan, outputs.size());
      for (auto& again : run(plan, outputs.size())) all.push_back(std::move(again));
      return all;
    };
    const auto shared = results(true);
    const auto apart = results(false);
    BOOST_TEST_CONTEXT("seed " << seed)
    for (std::size_t i = 0; i < apart.size(); ++i) BOOST_TEST(shared[i] == apart[i], per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
