#include "keel/ops/softmax.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::unit_roundoff;

using Vars = std::span<const Var>;

std::vector<Var> function(Vars v) {
  return {log_softmax(v[0])};
}

// y = x - shift, where shift = max + log(sum exp(x - max)): each of these is rounded, and the sum's relative
// error, which the logarithm turns into an absolute one, comes from the summation and from exp.
std::vector<double> forward_bounds(const std::vector<double>& src, const std::vector<double>& dst,
                                   std::size_t length) {
  std::vector<double> bounds;
  for (std::size_t i = 0; i < src.size(); ++i) {
    const auto row = src.begin() + static_cast<std::ptrdiff_t>(i / length * length);
    const double highest = std::abs(*std::max_element(row, row + static_cast<std::ptrdiff_t>(length)));
    const double rounded = 2 * highest + std::abs(src[i]) + 2 * std::abs(dst[i]);
    bounds.push_back(rounded * unit_roundoff + test::summation_error(static_cast<std::int64_t>(length)) +
                     test::transcendental_error);
  }
  return bounds;
}

// dx = dy - exp(y) * sum(dy): exp turns y's absolute error into a relative one.
std::vector<double> backward_bounds(const std::vector<double>& upstream, const std::vector<double>& dst,
                                    const std::vector<double>& dst_bounds, std::size_t length) {
  std::vector<double> bounds;
  for (std::size_t i = 0; i < dst.size(); ++i) {
    double magnitude = 0.0;
    for (std::size_t j = i / length * length; j < (i / length + 1) * length; ++j)
      magnitude += std::abs(upstream[j]);
    const double relative =
        dst_bounds[i] + test::summation_error(static_cast<std::int64_t>(length)) + test::transcendental_error;
    bounds.push_back(std::abs(upstream[i]) * 2 * unit_roundoff + std::exp(dst[i]) * magnitude * relative);
  }
  return bounds;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(log_softmax_test)

BOOST_AUTO_TEST_CASE(it_and_its_gradient_agree_with_the_reference) {
  for (const auto& shape : {Shape{1}, Shape{7}, Shape{16}, Shape{5, 1}, Shape{13, 10}, Shape{64, 10},
                            Shape{3, 31}, Shape{2, 3, 16}, Shape{17, 257}, Shape{512, 1031}}) {
    for (const double scale : {1.0, 20.0}) {
      const std::vector inputs{test::random_tensor(shape, 1, scale, 3.0)};
      const auto actual = test::evaluate(function, {.inputs = inputs});
      const auto expected = test::evaluate(function, {.dtype = DType::f64, .inputs = inputs});
      const auto length = static_cast<std::size_t>(shape[shape.rank() - 1]);
      const auto& dst = expected.outputs[0];
      const auto bounds = forward_bounds(test::values(inputs[0]), dst, length);
      BOOST_TEST_CONTEXT(to_string(shape) << ", scale " << scale) {
        BOOST_TEST(test::within(actual.outputs[0], dst, bounds));
        BOOST_TEST(
            test::within(actual.gradients[0], expected.gradients[0],
                         backward_bounds(test::values(test::upstream_gradient(shape)), dst, bounds, length)));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(large_logits_do_not_overflow) {
  const Tensor src = Tensor::of<float>({2, 3}, {1000.0F, 1000.0F, -1000.0F, -2000.0F, -2000.0F, -2000.0F});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(function, {.dtype = dtype, .differentiated = false, .inputs = {src}});
    const std::vector expected{-std::log(2.0), -std::log(2.0), -2000 - std::log(2.0),
                               -std::log(3.0), -std::log(3.0), -std::log(3.0)};
    BOOST_TEST(test::within(result.outputs[0], expected, 4000 * unit_roundoff));
  }
}

BOOST_AUTO_TEST_CASE(probabilities_add_up_to_one) {
  const auto result =
      test::evaluate(function, {.differentiated = false, .inputs = {test::random_tensor({3, 10}, 5, 4.0)}});
  for (std::size_t row = 0; row < 3; ++row) {
    double sum = 0.0;
    for (std::size_t j = 0; j < 10; ++j) sum += std::exp(result.outputs[0][row * 10 + j]);
    BOOST_TEST(std::abs(sum - 1.0) < 2 * test::transcendental_error);
  }
}

BOOST_AUTO_TEST_CASE(a_scalar_is_refused_with_the_caller_s_line) {
  Tape tape;
  const Var scalar = tape.input(Shape{});
  const std::string line = "log_softmax_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { log_softmax(scalar); };
  BOOST_TEST(test::throws_with<ShapeError>(call, {"log_softmax(f32 ())", "axis of classes", line}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { log_softmax(tape.input(Shape{2}, DType::s32)); },
                                           {"f32 or f64, not s32"}));
}

BOOST_AUTO_TEST_SUITE_END()
