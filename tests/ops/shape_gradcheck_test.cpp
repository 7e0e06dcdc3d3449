// Gradients of reductions over any axes, of shape operators and of batches of products.

#include <boost/test/unit_test.hpp>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;

using Vars = std::span<const Var>;

void check(const std::function<Var(Vars)>& function, std::initializer_list<Shape> shapes) {
  const auto report = gradcheck(function, shapes);
  BOOST_TEST(report.ok, report.text);
}

// Also of the gradient: that of sum(f(x)^2) by x, which is not constant even for a linear f.
void check_twice(const std::function<Var(Vars)>& function, std::initializer_list<Shape> shapes) {
  check(function, shapes);
  check(
      [&](Vars v) {
        const Var dst = function(v);
        return gradients(sum(dst * dst), v.first(1))[0];
      },
      shapes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shape_gradcheck_test)

BOOST_AUTO_TEST_CASE(sum_and_mean_over_any_axes) {
  for (const auto& shape : {Shape{5}, Shape{3, 4}, Shape{2, 3, 4}, Shape{2, 1, 3, 2}}) {
    for (const auto& axes : test::choices_of_axes(shape.rank())) {
      for (const bool keep_axes : {false, true}) {
        check_twice([&](Vars v) { return sum(v[0], axes, keep_axes); }, {shape});
        check_twice([&](Vars v) { return mean(v[0], axes, keep_axes); }, {shape});
      }
    }
  }
}

// Random numbers are farther apart than the difference's step, so the largest stays the largest.
BOOST_AUTO_TEST_CASE(max_over_any_axes) {
  for (const auto& shape : {Shape{5}, Shape{3, 4}, Shape{2, 3, 4}, Shape{2, 1, 3, 2}}) {
    for (const auto& axes : test::choices_of_axes(shape.rank())) {
      for (const bool keep_axes : {false, true}) {
        check([&](Vars v) { return max(v[0] * v[0], axes, keep_axes); }, {shape});
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(reshape_and_flatten) {
  check_twice([](Vars v) { return reshape(v[0], {3, -1}); }, {{2, 3, 4}});
  check_twice([](Vars v) { return flatten(v[0]); }, {{2, 3, 4}});
  check_twice([](Vars v) { return reshape(reshape(v[0], {24}) * v[1], {4, 6}); }, {{2, 3, 4}, {24}});
}

BOOST_AUTO_TEST_CASE(transpositions) {
  check_twice([](Vars v) { return transpose(v[0]); }, {{3, 4}});
  check_twice([](Vars v) { return transpose(v[0], {2, 0, 1}); }, {{2, 3, 4}});
  check_twice([](Vars v) { return transpose(v[0], {0, -1, 1, 2}) * v[1]; }, {{2, 3, 4, 2}, {2, 2, 3, 4}});
}

BOOST_AUTO_TEST_CASE(slices) {
  check_twice([](Vars v) { return slice(v[0], 0, 1, 3); }, {{4, 3}});
  check_twice([](Vars v) { return slice(v[0], 1, -2, 3); }, {{2, 3, 2}});
  check_twice([](Vars v) { return slice(v[0], -1, 0, 1); }, {{2, 3, 4}});
}

BOOST_AUTO_TEST_CASE(concatenations) {
  check_twice([](Vars v) { return concatenate(v, 0); }, {{2, 3}, {1, 3}});
  check_twice([](Vars v) { return concatenate(v, -1); }, {{2, 3}, {2, 1}, {2, 2}});
  check_twice([](Vars v) { return concatenate({v[0], v[1], v[0]}, 1); }, {{2, 3, 2}, {2, 1, 2}});
}

BOOST_AUTO_TEST_CASE(batches_of_products) {
  for (const bool src : {false, true}) {
    for (const bool weights : {false, true}) {
      const Shape a = src ? Shape{4, 3} : Shape{3, 4};
      const Shape b = weights ? Shape{2, 4} : Shape{4, 2};
      const Shape many_a{2, 3, a[0], a[1]};
      const Shape many_b{2, 3, b[0], b[1]};
      const auto product = [&](Vars v) { return matmul(v[0], v[1], {src, weights}); };
      check_twice(product, {many_a, many_b});
      check_twice(product, {many_a, b});
      check_twice(product, {a, many_b});
    }
  }
}

// Attention as in Vaswani et al. 2017, without its scale: all that this file is about in one function.
BOOST_AUTO_TEST_CASE(attention_of_two_heads) {
  check(
      [](Vars v) {
        const auto heads = [](const Var& src) { return transpose(reshape(src, {2, 3, 2, 2}), {0, 2, 1, 3}); };
        const Var query = heads(matmul(v[0], slice(v[1], 1, 0, 4)));
        const Var key = heads(matmul(v[0], slice(v[1], 1, 4, 8)));
        const Var value = heads(matmul(v[0], slice(v[1], 1, 8, 12)));
        const Var weights = log_softmax(matmul(query, key, {.weights = true}));
        const Var attended = matmul(weights, value);
        return mean(reshape(transpose(attended, {0, 2, 1, 3}), {2, 3, 4}), {1});
      },
      {{2, 3, 4}, {4, 12}});
}

BOOST_AUTO_TEST_SUITE_END()
