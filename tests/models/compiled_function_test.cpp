#include "keel/models/compiled_function.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/relu.hpp"
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
                            [](Tape&, Vars v) { return std::vector{relu(linear(v[0], v[1]))}; }};
  const std::array inputs{random_tensor({3, 4}, 1), random_tensor({5, 4}, 2)};
  const auto& plan = function(inputs);
  BOOST_TEST(plan.steps().size() == 1);
  BOOST_TEST(plan.steps()[0].node.op->name() == "linear+relu");
}

BOOST_AUTO_TEST_CASE(a_recording_that_throws_leaves_the_function_usable) {
  CompiledFunction function{Mode::training, [](Tape&, Vars v) { return std::vector{matmul(v[0], v[1])}; }};
  const Tensor a = random_tensor({3, 4}, 1);
  const Tensor b = random_tensor({4, 5}, 2);
  BOOST_CHECK_THROW(function(std::array{a, a}), ShapeError);
  BOOST_TEST(to_string(function(std::array{a, b}).output(0).shape()) == "(3, 5)");
}

BOOST_AUTO_TEST_SUITE_END()
