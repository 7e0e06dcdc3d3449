#include "keel/ops/clip.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/update_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using test::throws_with;

struct Clipped {
  std::vector<std::vector<double>> grads;
  double norm;
};

Clipped clip(const std::vector<Tensor>& grads, double max_norm) {
  Tape tape;
  const auto clipped = clip_by_norm(test::stored(tape, grads), max_norm);
  auto outputs = clipped.grads;
  outputs.push_back(clipped.norm);
  Plan plan{tape, outputs};
  plan.run();
  Clipped result{{}, plan.output(grads.size()).data<double>()[0]};
  for (std::size_t i = 0; i < grads.size(); ++i) result.grads.push_back(test::values(plan.output(i)));
  return result;
}

// Two gradients of norm 13 together.
std::vector<Tensor> thirteen(DType dtype) {
  return {test::converted(Tensor::of<float>({2, 1}, {3, -4}), dtype),
          test::converted(Tensor::of<float>({}, {12}), dtype)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clip_test)

BOOST_AUTO_TEST_CASE(above_the_norm_nothing_changes) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const double max_norm : {13.1, 1e10, HUGE_VAL}) {
      const auto clipped = clip(thirteen(dtype), max_norm);
      BOOST_TEST(clipped.norm == 13.0);
      BOOST_TEST((clipped.grads == std::vector<std::vector<double>>{{3, -4}, {12}}));
    }
  }
}

// At the norm as well: there, the 1e-6 takes a little away.
BOOST_AUTO_TEST_CASE(at_and_below_the_norm_all_gradients_shrink_alike) {
  for (const double max_norm : {13.0, 6.5, 1e-3}) {
    const double factor = max_norm / (13.0 + 1e-6);
    BOOST_TEST(factor < 1.0);
    const auto wide = clip(thirteen(DType::f64), max_norm);
    BOOST_TEST(wide.norm == 13.0);
    BOOST_TEST((wide.grads == std::vector<std::vector<double>>{{3 * factor, -4 * factor}, {12 * factor}}));
    const auto single = clip(thirteen(DType::f32), max_norm);
    const auto rounded = static_cast<float>(factor);
    BOOST_TEST(single.norm == 13.0);
    BOOST_TEST(
        (single.grads == std::vector<std::vector<double>>{{3 * rounded, -4 * rounded}, {12 * rounded}}));
  }
}

BOOST_AUTO_TEST_CASE(gradients_of_zero_stay_zero) {
  const auto clipped = clip({Tensor{Shape{3, 3}}}, 1.0);
  BOOST_TEST(clipped.norm == 0.0);
  BOOST_TEST((clipped.grads[0] == std::vector(9, 0.0)));
}

// A double rounds a sum of n squares by n units at the most.
BOOST_AUTO_TEST_CASE(the_norm_of_arrays_of_any_length) {
  for (const std::int64_t length : {1, 15, 17, 4095, 4096, 4097, 100000}) {
    const std::vector grads{test::random_tensor({length}, 1), test::random_tensor({3, 5}, 2, 1e20),
                            test::random_tensor({length, 2}, 3, 1e20)};
    long double squares = 0.0L;
    for (const auto& grad : grads) {
      for (const double value : test::values(grad)) squares += static_cast<long double>(value) * value;
    }
    const auto norm = static_cast<double>(std::sqrt(squares));
    const auto clipped = clip(grads, 1.0);
    BOOST_TEST(std::abs(clipped.norm - norm) <= static_cast<double>(3 * length + 15) * 0x1p-53 * norm);
    const auto factor = static_cast<float>(1.0 / (clipped.norm + 1e-6));
    for (std::size_t i = 0; i < grads.size(); ++i) {
      auto expected = grads[i].clone();
      for (auto& value : expected.data<float>()) value *= factor;
      BOOST_TEST((clipped.grads[i] == test::values(expected)));
    }
  }
}

BOOST_AUTO_TEST_CASE(threads_change_no_bit) {
  const std::vector grads{test::random_tensor({128, 784}, 1), test::random_tensor({128}, 2),
                          test::random_tensor({511, 127}, 3)};
  std::vector<Clipped> results;
  for (const int threads : {1, 2}) {
    const ThreadLimit limit{threads};
    results.push_back(clip(grads, 1.0));
  }
  BOOST_TEST(results[0].norm == results[1].norm);
  BOOST_TEST((results[0].grads == results[1].grads));
}

// The squares of these are beyond what a double holds, or the factor is below what a float does.
BOOST_AUTO_TEST_CASE(gradients_of_any_finite_size_are_clipped) {
  for (const double scale : {1e-300, 1e-200, 1e-150, 1e100, 1e200, 1e306}) {
    for (const double max_norm : {1e-300, 1e-3, 1.0, 1e10}) {
      auto grads = thirteen(DType::f64);
      for (const auto& grad : grads)
        for (auto& element : grad.data<double>()) element *= scale;
      const auto clipped = clip(grads, max_norm);
      BOOST_TEST(std::abs(clipped.norm / (13.0 * scale) - 1.0) <= 4 * 0x1p-52);
      const double factor = std::min(max_norm / (clipped.norm + 1e-6), 1.0);
      const double expected = factor >= 0x1p-1022 ? 12.0 * scale * factor : max_norm * 12.0 / 13.0;
      BOOST_TEST(std::abs(clipped.grads[1][0] - expected) <= 6 * 0x1p-52 * expected,
                 scale << ", " << max_norm << ": " << clipped.grads[1][0] << " for " << expected);
    }
  }
  for (const double max_norm : {1e-3, 1e-8, 1e-20}) {
    const auto clipped = clip({Tensor::of<float>({2}, {3e38F, -1e38F})}, max_norm);
    const double norm = std::hypot(static_cast<double>(3e38F), static_cast<double>(1e38F));
    BOOST_TEST(std::abs(clipped.norm / norm - 1.0) <= 4 * 0x1p-52);
    const double expected = max_norm * static_cast<double>(3e38F) / norm;
    BOOST_TEST(std::abs(clipped.grads[0][0] - expected) <= 2 * test::unit_roundoff * expected,
               max_norm << ": " << clipped.grads[0][0] << " for " << expected);
  }
  const auto unclipped = clip({Tensor::of<double>({2}, {1.5e308, 1.5e308})}, HUGE_VAL);
  BOOST_TEST(std::isinf(unclipped.norm));  // it is 2.1e308
  BOOST_TEST(unclipped.grads[0][0] == 1.5e308);
  const auto beyond = clip({Tensor::of<double>({2}, {1.5e308, 1.5e308})}, 1.0);
  BOOST_TEST(std::abs(beyond.grads[0][0] - std::sqrt(0.5)) <= 4 * 0x1p-53);
}

// 1e200 is infinite in f32.
BOOST_AUTO_TEST_CASE(a_norm_that_is_not_finite_shows_in_every_element) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), HUGE_VAL, -HUGE_VAL, 1e200}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      if (std::isfinite(bad) && dtype == DType::f64) continue;
      auto grads = thirteen(dtype);
      if (dtype == DType::f64)
        grads[0].data<double>()[1] = bad;
      else
        grads[0].data<float>()[1] = static_cast<float>(bad);  // 1e200 becomes infinite
      const auto clipped = clip(grads, 1.0);
      BOOST_TEST(!std::isfinite(clipped.norm));
      for (const auto& grad : clipped.grads) {
        for (const double value : grad) BOOST_TEST(std::isnan(value));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_clipped_to_nothing) {
  const auto clipped = clip({Tensor{Shape{3}}}, 1e-60);
  BOOST_TEST(clipped.norm == 0.0);
  BOOST_TEST((clipped.grads[0] == std::vector<double>{0, 0, 0}));
}

// A bound that f32 does not hold bounds no f32 gradients.
BOOST_AUTO_TEST_CASE(the_derivative_by_a_bound_beyond_the_element_type_is_that_of_no_bound) {
  Tape tape;
  const auto grads = test::stored(tape, {Tensor::of<float>({2}, {3, -4})});
  const auto derivative = gradients(sum(clip_by_norm(grads, 1e39).grads[0]), grads);
  Plan plan{tape, derivative};
  plan.run();
  BOOST_TEST((test::values(plan.output(0)) == std::vector<double>{1, 1}));
}

BOOST_AUTO_TEST_CASE(nonsense_is_named) {
  Tape tape;
  const auto grads = test::stored(tape, {Tensor{Shape{3}}, Tensor{Shape{2}, DType::f64}});
  const auto one = std::span{grads}.first(1);
  for (const double max_norm : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    BOOST_TEST(throws_with<Error>([&] { clip_by_norm(one, max_norm); },
                                  {"clip_by_norm at clip_test.cpp:", "max_norm must be positive, not"}));
  }
  BOOST_TEST(throws_with<Error>([&] { clip_by_norm({}, 1.0); }, {"there are no gradients"}));
  BOOST_TEST(throws_with<ShapeError>([&] { clip_by_norm(grads, 1.0); }, {"one element type"}));
  const Var norm = clip_by_norm(one, 1.0).norm;
  BOOST_TEST(throws_with<Error>([&] { gradients(norm, one); },
                                {"clip_by_norm", "no gradient flows through its output 1"}));
}

BOOST_AUTO_TEST_SUITE_END()
