#include "keel/graph/gradients.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>

#include "../support/graph_support.hpp"
#include "keel/graph/accumulate.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/error.hpp"

namespace {

using keel::DType;
using keel::Error;
using keel::Shape;
using keel::ShapeError;
using keel::sum;
using keel::Tape;
using keel::Tensor;
using keel::Var;
using keel::VjpContext;
using keel::testing::custom;
using keel::testing::record_custom;
using keel::testing::text_of;
using keel::testing::values_of;
using Values = std::vector<double>;

Var vector(Tape& tape, std::initializer_list<double> elements) {
  return tape.stored(Tensor::of<double>({static_cast<std::int64_t>(elements.size())}, elements));
}

Values evaluate(const Var& var) {
  keel::Plan plan{var.tape(), std::span{&var, 1}};
  plan.run();
  return values_of(plan.output(0));
}

Values gradient(const Var& loss, const Var& wrt) {
  return evaluate(keel::gradients(loss, std::span{&wrt, 1})[0]);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradients_test)

// d/dx sum(relu(x) * (x * c)), where x goes two ways: relu(x) c + [x > 0] x c.
BOOST_AUTO_TEST_CASE(contributions_of_a_diamond_are_added_up) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const Var c = vector(tape, {5, 7});
  BOOST_TEST(gradient(sum(keel::relu(x) * (x * c)), x) == (Values{30, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_value_used_twice_by_one_operator_counts_twice) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  BOOST_TEST(gradient(sum(x * x), x) == (Values{6, -4}), boost::test_tools::per_element());
  BOOST_TEST(gradient(sum(x + x), x) == (Values{2, 2}), boost::test_tools::per_element());
}

// All three contributions to x are one and the same value, which must not be overwritten while they are
// added.
BOOST_AUTO_TEST_CASE(a_value_used_three_times_counts_three_times) {
  Tape tape;
  const Var x = vector(tape, {3, -2, 1, 4});
  BOOST_TEST(gradient(keel::mean(x + x + x), x) == (Values{0.75, 0.75, 0.75, 0.75}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(equal_terms_add_up) {
  Tape tape;
  const Var x = vector(tape, {1, -2});
  const Var y = x * x;
  BOOST_TEST(evaluate(keel::accumulate(std::array{y, y})) == (Values{2, 8}),
             boost::test_tools::per_element());
  const Var z = x * x;
  BOOST_TEST(evaluate(keel::accumulate(std::array{z, z, z, z})) == (Values{4, 16}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(accumulate_takes_equal_types_and_differentiates) {
  Tape tape;
  const Var x = vector(tape, {1, -2});
  const Var y = vector(tape, {4, 5});
  BOOST_TEST(keel::accumulate(std::array{x}).id() == x.id());
  BOOST_CHECK_THROW(keel::accumulate({}), Error);
  BOOST_CHECK_THROW(keel::accumulate(std::array{x, vector(tape, {1})}), ShapeError);
  BOOST_TEST(gradient(sum(keel::accumulate(std::array{x * x, x, y})), x) == (Values{3, -3}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_the_loss_does_not_depend_on_gets_zeros) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const Var unrelated = vector(tape, {1, 2, 3});
  const Var behind = keel::relu(x);
  const Var loss = sum(x * x);
  BOOST_TEST(gradient(loss, unrelated) == (Values{0, 0, 0}), boost::test_tools::per_element());
  BOOST_TEST(gradient(loss, behind) == (Values{0, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_gradient_of_the_loss_by_itself_is_one) {
  Tape tape;
  const Var loss = sum(vector(tape, {3, -2}));
  BOOST_TEST(gradient(loss, loss) == Values{1}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(intermediate_values_have_gradients_too) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const Var y = x * x;
  BOOST_TEST(gradient(sum(y * y), y) == (Values{18, 8}), boost::test_tools::per_element());
}

// d2/dx2 sum(x^3) = 6 x.
BOOST_AUTO_TEST_CASE(gradients_can_be_differentiated_again) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const Var slope = keel::gradients(sum(x * x * x), std::span{&x, 1})[0];
  BOOST_TEST(evaluate(slope) == (Values{27, 12}), boost::test_tools::per_element());
  BOOST_TEST(gradient(sum(slope), x) == (Values{18, -12}), boost::test_tools::per_element());
}

// u . (x * y) + v . (x + x): the gradient of x is u y + 2 v.
BOOST_AUTO_TEST_CASE(several_outputs_are_weighted_by_their_upstream_gradients) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const Var y = vector(tape, {5, 7});
  const std::array outputs{x * y, x + x};
  const std::array upstream{vector(tape, {10, 100}), vector(tape, {1, 2})};
  const std::array wrt{x, y};
  const auto grads = keel::gradients(outputs, upstream, wrt);
  BOOST_TEST(evaluate(grads[0]) == (Values{52, 704}), boost::test_tools::per_element());
  BOOST_TEST(evaluate(grads[1]) == (Values{30, -200}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_output_given_twice_gets_both_upstream_gradients) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const Var y = keel::relu(x);
  const std::array upstream{vector(tape, {10, 100}), vector(tape, {1, 2})};
  const auto grads = keel::gradients(std::array{y, y}, upstream, std::array{x});
  BOOST_TEST(evaluate(grads[0]) == (Values{11, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(only_gradients_that_are_needed_are_recorded) {
  Tape tape;
  const Var src = tape.input({4, 3}, DType::f64);
  const Var weights = tape.stored(Tensor{Shape{2, 3}, DType::f64});
  const Var bias = tape.stored(Tensor{Shape{2}, DType::f64});
  const Var loss = keel::mean(keel::linear(src, weights, bias));
  const auto before = tape.program().nodes.size();
  (void)keel::gradients(loss, std::span{&bias, 1});
  std::vector<std::string> recorded;
  for (auto i = before; i < tape.program().nodes.size(); ++i) {
    recorded.emplace_back(tape.program().nodes[i].op->name());
  }
  BOOST_TEST(recorded == (std::vector<std::string>{"broadcast_to", "sum_to"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_rule_is_told_what_is_needed_and_which_gradients_there_are) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const Var constant = vector(tape, {1, 1});
  std::vector<bool> needed;
  std::vector<bool> defined;
  const auto two = [](auto inputs) { return std::vector{inputs[0], inputs[1]}; };
  const auto rule = [&](const VjpContext& context) {
    needed.assign(context.needed.begin(), context.needed.end());
    for (const auto& grad : context.output_grads) defined.push_back(grad.defined());
    // What comes back for an input that was not needed is to be ignored.
    return std::vector{context.output_grads[1], context.output_grads[1]};
  };
  const auto outputs = record_custom({.name = "pair", .infer = two, .vjp = rule}, {x, constant});
  const auto grads = keel::gradients(sum(outputs[1]), std::array{x, constant * constant});
  BOOST_TEST((needed == std::vector{true, false}));
  BOOST_TEST((defined == std::vector{false, true}));
  BOOST_TEST(evaluate(grads[0]) == (Values{1, 1}), boost::test_tools::per_element());
  BOOST_TEST(evaluate(grads[1]) == (Values{0, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_undefined_gradient_stands_for_zeros) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const auto none = [](const VjpContext&) { return std::vector<Var>(1); };
  const Var flat = custom({.name = "round", .vjp = none}, {x});
  BOOST_TEST(gradient(sum(flat * x), x) == (Values{3, -2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_loss_must_be_a_scalar) {
  Tape tape;
  const Var x = vector(tape, {3, -2});
  const int line = __LINE__ + 1;
  const auto text = text_of<ShapeError>([&] { keel::gradients(x, std::span{&x, 1}); });
  BOOST_TEST(text ==
             fmt::format("gradients at gradients_test.cpp:{}: the loss must be a scalar but is f64 (2); "
                         "reduce it with mean or sum",
                         line));
}

BOOST_AUTO_TEST_CASE(outputs_and_upstream_gradients_must_correspond) {
  Tape tape;
  const std::array x{vector(tape, {3, -2})};
  const std::array wide{vector(tape, {1, 2, 3})};
  BOOST_CHECK_THROW(keel::gradients(x, std::span<const Var>{}, x), Error);
  BOOST_CHECK_THROW(keel::gradients(std::span<const Var>{}, std::span<const Var>{}, x), Error);
  const auto text = text_of<ShapeError>([&] { keel::gradients(x, wide, x); });
  BOOST_TEST(text.ends_with("output 0 is f64 (2) but its gradient is f64 (3)"), text);
}

BOOST_AUTO_TEST_SUITE_END()
