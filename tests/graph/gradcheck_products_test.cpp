// Faults that a gradient check must catch in the derivatives of products and sums of arrays.

#include <boost/test/unit_test.hpp>
#include <functional>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using namespace keel::testing;

using Vjp = std::function<std::vector<Var>(const VjpContext&)>;

// The product of two matrices of 3x3, with that derivative.
GradcheckReport check_product(const Vjp& vjp) {
  return gradcheck(
      [&](auto v) {
        const auto bind = [op = operator_of(matmul(v[0], v[1]))](const Binding& binding) {
          return op->bind(binding);
        };
        return custom({.name = "product", .bind = bind, .vjp = vjp}, {v[0], v[1]});
      },
      {{3, 3}, {3, 3}});
}

// Its derivative, with the transposes that are asked for: both are right.
Vjp derivative_of_product(bool weights_transposed, bool src_transposed) {
  return [=](const VjpContext& context) {
    const auto& grad = context.output_grads[0];
    return std::vector{matmul(grad, context.inputs[1], {.weights = weights_transposed}),
                       matmul(context.inputs[0], grad, {.src = src_transposed})};
  };
}

// src (4, 3) + bias (3), with that gradient of the bias.
GradcheckReport check_bias(const std::function<Var(const Var&)>& grad_bias) {
  const auto vjp = [&](const VjpContext& context) {
    return std::vector{context.output_grads[0], grad_bias(context.output_grads[0])};
  };
  return gradcheck(
      [&](auto v) {
        const auto bind = [op = operator_of(v[0] + v[1])](const Binding& binding) {
          return op->bind(binding);
        };
        return custom({.name = "biased", .bind = bind, .vjp = vjp}, {v[0], v[1]});
      },
      {{4, 3}, {3}});
}

bool blames(const GradcheckReport& report, int input) {
  return report.text.find("input " + std::to_string(input) + " (3, 3): WRONG") != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_products_test)

BOOST_AUTO_TEST_CASE(a_missing_transpose_is_caught_and_blamed_on_its_input) {
  const auto right = check_product(derivative_of_product(true, true));
  BOOST_TEST(right.ok, right.text);
  const auto weights = check_product(derivative_of_product(false, true));
  BOOST_TEST(!weights.ok);
  BOOST_TEST((blames(weights, 0) && !blames(weights, 1)), weights.text);
  const auto src = check_product(derivative_of_product(true, false));
  BOOST_TEST(!src.ok);
  BOOST_TEST((!blames(src, 0) && blames(src, 1)), src.text);
}

BOOST_AUTO_TEST_CASE(gradients_of_the_wrong_input_are_caught) {
  const auto swapped = check_product([](const VjpContext& context) {
    const auto grads = derivative_of_product(true, true)(context);
    return std::vector{grads[1], grads[0]};
  });
  BOOST_TEST((blames(swapped, 0) && blames(swapped, 1)), swapped.text);
}

BOOST_AUTO_TEST_CASE(a_sum_over_a_stretched_axis_that_is_left_out_does_not_fit) {
  const auto right = check_bias([](const Var& grad) { return sum_to(grad, Shape{3}); });
  BOOST_TEST(right.ok, right.text);
  const auto text = text_of<Error>([] { check_bias([](const Var& grad) { return grad; }); });
  BOOST_TEST(text.find("the derivative of biased at gradcheck_products_test.cpp:") != std::string::npos,
             text);
  BOOST_TEST(text.find("its vjp returned f64 (4, 3) for input 1, which is f64 (3)") != std::string::npos,
             text);
}

BOOST_AUTO_TEST_SUITE_END()
