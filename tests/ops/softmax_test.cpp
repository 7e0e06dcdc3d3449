#include "keel/ops/softmax.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;
using test::unit_roundoff;

using Vars = std::span<const Var>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr double smallest = 0x1p-125;  // oneDNN's exponential gives 0 for what is less

test::Function along(int axis) {
  return [axis](Vars v) { return std::vector{softmax(v[0], axis)}; };
}

test::Function log_along(int axis) {
  return [axis](Vars v) { return std::vector{log_softmax(v[0], axis)}; };
}

// The positions of the elements of each line along an axis.
std::vector<std::vector<std::size_t>> lines_of(const Shape& shape, std::size_t axis) {
  std::size_t stride = 1;
  for (std::size_t i = axis + 1; i < shape.rank(); ++i) stride *= static_cast<std::size_t>(shape[i]);
  const auto length = static_cast<std::size_t>(shape[axis]);
  std::vector<std::vector<std::size_t>> lines;
  for (std::size_t start = 0; start < static_cast<std::size_t>(shape.elements()); ++start) {
    if (start / stride % length != 0) continue;
    lines.emplace_back();
    for (std::size_t j = 0; j < length; ++j) lines.back().push_back(start + j * stride);
  }
  return lines;
}

struct Expected {
  std::vector<double> dst, grad_src, dst_bounds, grad_src_bounds;
};

// By definition. With d = max - x, each exponential is off by d u from its rounded argument, as much from the
// exponential's own remainder, and 8 u from its polynomial; the quotient has their sum's error as well.
// dx = y (dy - s) with s = sum(dy y), each step rounded.
Expected expected_softmax(const std::vector<double>& src, const std::vector<double>& grad_dst,
                          const Shape& shape, std::size_t axis) {
  constexpr double u = unit_roundoff;
  Expected expected{src, src, src, src};
  for (const auto& line : lines_of(shape, axis)) {
    double highest = src[line[0]];
    for (const auto i : line) highest = std::max(highest, src[i]);
    double sum = 0.0;
    for (const auto i : line) sum += std::exp(src[i] - highest);
    const auto error = [&](std::size_t i) { return (2.0 * (highest - src[i]) + 8.0) * u; };
    const double summation = test::summation_error(static_cast<std::int64_t>(line.size()));
    double sum_error = summation;
    for (const auto i : line) sum_error += std::exp(src[i] - highest) / sum * error(i);
    double dot = 0.0;
    double dot_error = 0.0;
    for (const auto i : line) {
      const double y = std::exp(src[i] - highest) / sum;
      expected.dst[i] = y;
      expected.dst_bounds[i] = 1.01 * y * (error(i) + sum_error + 2.0 * u) + smallest;
      dot += y * grad_dst[i];
      dot_error += std::abs(grad_dst[i]) * (expected.dst_bounds[i] + y * summation);
    }
    for (const auto i : line) {
      const double y = expected.dst[i];
      expected.grad_src[i] = y * (grad_dst[i] - dot);
      expected.grad_src_bounds[i] =
          1.01 * (expected.dst_bounds[i] * std::abs(grad_dst[i] - dot) +
                  y * (dot_error + 3.0 * u * (std::abs(grad_dst[i]) + std::abs(dot)))) +
          smallest;
    }
  }
  return expected;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(softmax_test)

BOOST_AUTO_TEST_CASE(it_and_its_gradient_are_as_defined) {
  for (const auto& shape :
       {Shape{1}, Shape{7}, Shape{16}, Shape{5, 1}, Shape{1, 5}, Shape{13, 10}, Shape{3, 31}, Shape{2, 3, 16},
        Shape{2, 10, 4, 5}, Shape{3, 2, 1, 2, 1, 4}, Shape{512, 1031}}) {
    for (int axis = 0; axis < static_cast<int>(shape.rank()); ++axis) {
      for (const double scale : {1.0, 20.0}) {
        const std::vector inputs{test::random_tensor(shape, 1, scale, 3.0)};
        const auto expected =
            expected_softmax(test::values(inputs[0]), test::values(test::upstream_gradient(shape)), shape,
                             static_cast<std::size_t>(axis));
        const auto single = test::evaluate(along(axis), {.inputs = inputs});
        const auto wide = test::evaluate(along(axis), {.dtype = DType::f64, .inputs = inputs});
        BOOST_TEST_CONTEXT(to_string(shape) << " along " << axis << ", scale " << scale) {
          BOOST_TEST(test::within(single.outputs[0], expected.dst, expected.dst_bounds));
          BOOST_TEST(test::within(single.gradients[0], expected.grad_src, expected.grad_src_bounds));
          // All values are sums of terms of at most the gradient's size; f64 has 2^-53 of it for each.
          BOOST_TEST(test::within(wide.outputs[0], expected.dst, 1e-13));
          BOOST_TEST(test::within(wide.gradients[0], expected.grad_src, 1e-12));
          for (const auto& implementation : single.implementations)
            BOOST_TEST(!implementation.starts_with("ref"), "oneDNN's generic kernel is slow");
        }
      }
    }
  }
}

// y = x - shift, so that its absolute error is the relative one of softmax, and the roundings of x, y and the
// shift; oneDNN's logarithm has the transcendental error. dx = dy - softmax * sum(dy).
BOOST_AUTO_TEST_CASE(log_softmax_is_its_logarithm_along_every_axis) {
  for (const auto& shape : {Shape{13, 10}, Shape{2, 3, 16}, Shape{2, 10, 4, 5}, Shape{512, 1031}}) {
    for (int axis = 0; axis < static_cast<int>(shape.rank()); ++axis) {
      const std::vector inputs{test::random_tensor(shape, 1, 3.0)};
      const auto src = test::values(inputs[0]);
      const auto upstream = test::values(test::upstream_gradient(shape));
      const auto plain = expected_softmax(src, upstream, shape, static_cast<std::size_t>(axis));
      const auto actual = test::evaluate(log_along(axis), {.inputs = inputs});
      auto expected = plain;
      for (const auto& line : lines_of(shape, static_cast<std::size_t>(axis))) {
        double sum = 0.0;
        double magnitude = 0.0;
        double highest = 0.0;
        for (const auto i : line) {
          sum += upstream[i];
          magnitude += std::abs(upstream[i]);
          highest = std::max(highest, std::abs(src[i]));
        }
        const double summation = test::summation_error(static_cast<std::int64_t>(line.size()));
        for (const auto i : line) {
          const double y = std::log(plain.dst[i]);
          const double error = plain.dst_bounds[i] / plain.dst[i] + test::transcendental_error +
                               (2.0 * highest + std::abs(y)) * 2.0 * unit_roundoff;
          expected.dst[i] = y;
          expected.dst_bounds[i] = error;
          expected.grad_src[i] = upstream[i] - plain.dst[i] * sum;
          expected.grad_src_bounds[i] =
              2.0 * unit_roundoff * std::abs(upstream[i]) +
              1.01 * plain.dst[i] * magnitude * (error + (std::abs(y) + 8.0) * unit_roundoff + summation);
        }
      }
      BOOST_TEST_CONTEXT(to_string(shape) << " along " << axis) {
        BOOST_TEST(test::within(actual.outputs[0], expected.dst, expected.dst_bounds));
        BOOST_TEST(test::within(actual.gradients[0], expected.grad_src, expected.grad_src_bounds));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_negative_axis_counts_from_the_back) {
  const std::vector inputs{test::random_tensor({2, 3, 4}, 1)};
  for (int axis = 0; axis < 3; ++axis) {
    for (const auto& function : {along, log_along}) {
      const auto front = test::evaluate(function(axis), {.inputs = inputs});
      const auto back = test::evaluate(function(axis - 3), {.inputs = inputs});
      BOOST_TEST(front.outputs[0] == back.outputs[0], per_element());
      BOOST_TEST(front.gradients[0] == back.gradients[0], per_element());
    }
  }
  const auto by_default =
      test::evaluate([](Vars v) { return std::vector{softmax(v[0])}; }, {.inputs = inputs});
  BOOST_TEST(by_default.outputs[0] == test::evaluate(along(2), {.inputs = inputs}).outputs[0], per_element());
}

BOOST_AUTO_TEST_CASE(large_and_equal_scores) {
  const Tensor src =
      Tensor::of<float>({2, 4}, {1000.0F, 1000.0F, -1000.0F, -2000.0F, 7.0F, 7.0F, 7.0F, 7.0F});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(along(1), {.dtype = dtype, .inputs = {src}});
    const std::vector<double> expected{0.5, 0.5, 0, 0, 0.25, 0.25, 0.25, 0.25};
    BOOST_TEST(test::within(result.outputs[0], expected, 8 * unit_roundoff));
  }
}

BOOST_AUTO_TEST_CASE(minus_infinity_has_no_probability) {
  const Tensor src = Tensor::of<float>({3, 3}, {-infinity, 0, 0, 0, -infinity, 0, 0, 0, -infinity});
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const int axis : {0, 1}) {
      const auto result = test::evaluate(along(axis), {.dtype = dtype, .inputs = {src}});
      const std::vector<double> expected{0, 0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0};
      BOOST_TEST(test::within(result.outputs[0], expected, 8 * unit_roundoff));
      for (const std::size_t diagonal : {0U, 4U, 8U}) {
        BOOST_TEST(result.outputs[0][diagonal] == 0.0);
        BOOST_TEST(result.gradients[0][diagonal] == 0.0);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(nan_infinity_and_nothing_but_minus_infinity_are_nan) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const int axis : {0, 1}) {
      for (const float odd : {not_a_number, infinity}) {
        const Tensor src = Tensor::of<float>({2, 2}, {odd, 1, 1, 1});
        for (const auto& function : {along, log_along}) {
          const auto dst = test::evaluate(function(axis), {.dtype = dtype, .inputs = {src}}).outputs[0];
          BOOST_TEST(std::isnan(dst[0]));
          BOOST_TEST(std::isfinite(dst[3]));
          // The other element of the line: lost in oneDNN's kernel.
          const bool by_onednn = dtype == DType::f32 && axis == 1;
          if (!by_onednn) BOOST_TEST(std::isnan(dst[axis == 0 ? 2 : 1]));
        }
      }
      Tensor nothing{Shape{2, 2}};
      std::ranges::fill(nothing.data<float>(), -infinity);
      const auto result = test::evaluate(along(axis), {.dtype = dtype, .inputs = {nothing}});
      for (const double value : result.outputs[0]) BOOST_TEST(std::isnan(value));
    }
  }
}

BOOST_AUTO_TEST_CASE(an_axis_that_is_not_there_is_refused_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  const std::string line = "softmax_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { softmax(src, 2); };
  BOOST_TEST(test::throws_with<ShapeError>(
      call, {"softmax(f32 (2, 3))", line, "there is no axis 2", "src has 2", "-2 to 1"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { log_softmax(src, -3); }, {"log_softmax", "no axis -3"}));
  BOOST_TEST(
      test::throws_with<ShapeError>([&] { softmax(src, std::numeric_limits<int>::min()); }, {"no axis"}));
  BOOST_TEST(
      test::throws_with<ShapeError>([&] { softmax(tape.input(Shape{})); }, {"softmax(f32 ())", "scalar"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { softmax(tape.input(Shape{2}, DType::s32)); }, {"not s32"}));
}

// nll reads the classes along the last axis; a log-softmax along the other one is not what it can be fused
// with.
BOOST_AUTO_TEST_CASE(log_softmax_along_another_axis_is_not_fused_with_nll) {
  const std::vector inputs{test::random_tensor({5, 5}, 1), test::random_labels(5, 5)};
  for (const int axis : {-2, -1, 0, 1}) {
    const test::Function loss = [axis](Vars v) { return std::vector{nll(log_softmax(v[0], axis), v[1])}; };
    const auto fused = test::evaluate(loss, {.fused = true, .inputs = inputs});
    const auto expected = test::evaluate(loss, {.dtype = DType::f64, .inputs = inputs});
    const bool last = axis == 1 || axis == -1;
    BOOST_TEST(fused.steps.size() == (last ? 2U : 4U));
    // Off by at most what one log-probability is, of numbers below 4.
    BOOST_TEST(test::within(fused.outputs[0], expected.outputs[0], 2 * test::transcendental_error));
    BOOST_TEST(test::within(fused.gradients[0], expected.gradients[0], 2 * test::transcendental_error));
  }
}

BOOST_AUTO_TEST_SUITE_END()
