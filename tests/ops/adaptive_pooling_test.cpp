// Pooling by windows that follow from the size of the result, and by dilated ones.

#include "keel/ops/adaptive_pooling.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::throws_with;
using Vars = std::span<const Var>;

void check_equal(const std::function<Var(Vars)>& function, const Tensor& src,
                 const std::vector<double>& expected) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate([&](Vars v) { return std::vector{function(v)}; },
                                       {.dtype = dtype, .differentiated = false, .inputs = {src}});
    BOOST_TEST(test::within(result.outputs[0], expected, 1e-7));
  }
}

void check_gradients(const std::function<Var(Vars)>& function, const std::vector<Shape>& shapes) {
  for (const int order : {1, 2}) {
    const auto report = gradcheck(function, shapes, {.order = order, .f32 = GradcheckF32::required});
    BOOST_TEST(report.ok, "order " << order << ": " << report.text);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(adaptive_pooling_test)

// Three windows over five pixels are [0, 2), [1, 4) and [3, 5); three over two are [0, 1), [0, 2) and [1, 2).
BOOST_AUTO_TEST_CASE(windows_worked_by_hand) {
  const Tensor five = Tensor::of<float>({1, 1, 1, 5}, {1, 2, 6, 4, 8});
  check_equal([](Vars v) { return adaptive_average_pool2d(v[0], {1, 3}); }, five, {1.5, 4, 6});
  const Tensor two = Tensor::of<float>({1, 1, 2, 1}, {1, 5});
  check_equal([](Vars v) { return adaptive_average_pool2d(v[0], {3, 1}); }, two, {1, 3, 5});
  // Both directions at once, and the channels apart.
  const Tensor images = Tensor::of<float>({1, 2, 2, 3}, {1, 2, 3, 4, 5, 6, 0, 0, 6, 0, 0, 6});
  check_equal([](Vars v) { return adaptive_average_pool2d(v[0], {1, 2}); }, images, {3, 4, 0, 3});
}

BOOST_AUTO_TEST_CASE(equal_windows_are_those_of_average_pooling) {
  const std::vector inputs{random_tensor({2, 3, 6, 8}, 1)};
  const auto adaptive = test::evaluate(
      [](Vars v) {
        return std::vector{adaptive_average_pool2d(v[0], {3, 2})};
      },
      {.inputs = inputs});
  const auto plain = test::evaluate(
      [](Vars v) {
        return std::vector{average_pool2d(v[0], {.kernel = {2, 4}})};
      },
      {.inputs = inputs});
  BOOST_TEST(adaptive.steps == plain.steps, boost::test_tools::per_element());
  BOOST_TEST(adaptive.outputs[0] == plain.outputs[0], boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_window_is_the_mean_over_the_image) {
  const std::vector inputs{random_tensor({2, 5, 7, 9}, 1)};
  const auto result = test::evaluate(
      [](Vars v) {
        return std::vector{adaptive_average_pool2d(v[0], 1), mean(v[0], {2, 3}, true)};
      },
      {.inputs = inputs});
  BOOST_TEST(test::within(result.outputs[0], result.outputs[1], 1e-6));
}

BOOST_AUTO_TEST_CASE(f32_agrees_with_the_reference) {
  for (const auto& shape : {Shape{2, 3, 5, 7}, Shape{1, 70, 4, 9}, Shape{3, 16, 3, 2}, Shape{1, 1, 1, 1}}) {
    for (const Size2d size : {Size2d{2, 3}, Size2d{7}, Size2d{1, 4}, Size2d{3, 1}}) {
      test::check_sums_of_products([&](Vars v) { return std::vector{adaptive_average_pool2d(v[0], size)}; },
                                   {random_tensor(shape, 1)}, 4);
    }
  }
}

BOOST_AUTO_TEST_CASE(their_derivatives_agree_with_differences) {
  check_gradients([](Vars v) { return square(adaptive_average_pool2d(v[0], {2, 3})); }, {{2, 2, 3, 5}});
  check_gradients([](Vars v) { return square(adaptive_average_pool2d(v[0], {4, 3})); }, {{1, 2, 3, 2}});
  check_gradients([](Vars v) { return square(max_pool2d(v[0], {.kernel = 2, .stride = 1, .dilation = 2})); },
                  {{2, 2, 4, 5}});
}

// Places two apart; a window may begin in the padding.
BOOST_AUTO_TEST_CASE(dilated_maxima_worked_by_hand) {
  const Tensor row = Tensor::of<float>({1, 1, 1, 5}, {5, 1, 3, 4, 2});
  const auto pooled = [](std::int64_t padding) {
    return [=](Vars v) {
      return max_pool2d(v[0], {.kernel = {1, 2}, .stride = 1, .padding = {0, padding}, .dilation = {1, 2}});
    };
  };
  check_equal(pooled(0), row, {5, 4, 3});
  check_equal(pooled(1), row, {1, 5, 4, 3, 4});
  const auto gradient = test::evaluate([&](Vars v) { return std::vector{pooled(1)(v)}; }, {.inputs = {row}});
  const auto g = test::values(test::upstream_gradient(Shape{1, 1, 1, 5}));
  BOOST_TEST(test::within(gradient.gradients[0], std::vector{g[1], g[0], g[3], g[2] + g[4], 0.0}, 1e-6));
}

// A dilation of 1 in disguise: pixels in between that never win.
BOOST_AUTO_TEST_CASE(dilated_maxima_are_those_of_the_pixels_they_see) {
  const Tensor small = random_tensor({2, 19, 4, 5}, 1);
  Tensor large{{2, 19, 8, 10}};
  std::ranges::fill(large.data<float>(), -1e9F);
  for (std::size_t plane = 0; plane < 38; ++plane)
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t j = 0; j < 5; ++j)
        large.data<float>()[(plane * 8 + 2 * i) * 10 + 2 * j] = small.data<float>()[(plane * 4 + i) * 5 + j];
  const auto plain = test::evaluate(
      [](Vars v) { return std::vector{max_pool2d(v[0], {.kernel = 2, .stride = 1})}; }, {.inputs = {small}});
  const auto dilated = test::evaluate(
      [](Vars v) { return std::vector{max_pool2d(v[0], {.kernel = 2, .stride = 2, .dilation = 2})}; },
      {.inputs = {large}});
  BOOST_TEST(dilated.outputs[0] == plain.outputs[0], boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_nan_is_the_largest_of_a_dilated_window) {
  Tensor src = Tensor::of<float>({1, 1, 1, 3}, {1, 0, 2});
  for (const std::size_t place : {0U, 2U}) {
    auto with_nan = src.clone();
    with_nan.data<float>()[place] = std::numeric_limits<float>::quiet_NaN();
    for (const auto dtype : {DType::f32, DType::f64}) {
      const auto result = test::evaluate(
          [](Vars v) {
            return std::vector{max_pool2d(v[0], {.kernel = {1, 2}, .dilation = {1, 2}})};
          },
          {.dtype = dtype, .differentiated = false, .inputs = {with_nan}});
      BOOST_TEST(std::isnan(result.outputs[0][0]));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_batch_of_nothing_stays_one) {
  const auto result = test::evaluate(
      [](Vars v) {
        return std::vector{adaptive_average_pool2d(v[0], {2, 3}),
                           max_pool2d(v[0], {.kernel = 2, .dilation = 2})};
      },
      {.inputs = {Tensor{{0, 4, 5, 5}}}});
  BOOST_TEST(result.outputs[0].empty());
  BOOST_TEST(result.outputs[1].empty());
}

BOOST_AUTO_TEST_CASE(what_they_cannot_take_is_refused_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3, 5, 2});
  const std::string line = "adaptive_pooling_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto nothing = [&] { adaptive_average_pool2d(src, 0); };
  BOOST_TEST(throws_with<ShapeError>(nothing, {"adaptive_average_pool2d(f32 (2, 3, 5, 2)) at " + line,
                                               "size must be 1 or more, not (0, 0)"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        adaptive_average_pool2d(tape.input(Shape{3, 5}), 1);
      },
      {"src must have 4 axes"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        adaptive_average_pool2d(tape.input(Shape{2, 3, 0, 5}), 1);
      },
      {"the image (0, 5) has no pixels"}));
  BOOST_TEST(throws_with<ShapeError>([&] { average_pool2d(src, {.kernel = 2, .dilation = 2}); },
                                     {"average_pool2d(", "have no dilation, but (2, 2)"}));
  // Its places are beside the image on both sides.
  const auto empty = [&] {
    max_pool2d(src, {.kernel = {1, 2}, .stride = 1, .padding = {0, 1}, .dilation = {1, 3}});
  };
  BOOST_TEST(throws_with<ShapeError>(empty, {"max_pool2d(", "has no pixel of the image (5, 2)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { max_pool2d(src, {.kernel = 2, .dilation = 0}); },
                                     {"dilation must be from 1"}));
}

BOOST_AUTO_TEST_SUITE_END()
