#include "keel/ops/running_statistics.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::converted;
using test::throws_with;
using test::values;

constexpr double momentum = 0.1;

// Batch norm in training with its update, of a batch given anew each run.
struct Running {
  explicit Running(const Shape& shape, DType dtype, std::optional<double> weight = momentum)
      : mean{Shape{shape[1]}, dtype},
        variance{Shape{shape[1]}, dtype},
        updates{Shape{}, dtype},
        gamma{mean.shape(), dtype} {
    Tensor ones{mean.shape()};
    std::ranges::fill(ones.data<float>(), 1.0F);
    variance = converted(ones, dtype);
    gamma = converted(ones, dtype);
    beta = Tensor{mean.shape(), dtype};
    src = tape.input(shape, dtype);
    const auto result = batch_norm_training(src, tape.stored(gamma), tape.stored(beta));
    update_running_statistics(tape.stored(mean), tape.stored(variance), tape.stored(updates), result.mean,
                              result.variance, weight, shape[0]);
    plan = std::make_unique<Plan>(tape, std::span<const Var>{});
  }

  void operator()(const Tensor& batch) {
    plan->bind(src, batch);
    plan->run();
  }

  Tape tape;
  Tensor mean;
  Tensor variance;
  Tensor updates;
  Tensor gamma;
  Tensor beta;
  Var src;
  std::unique_ptr<Plan> plan;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(running_statistics_test)

// From (0, 1), two samples: the batch's variance d^2 / 4 counts twice, as d^2 / 2.
BOOST_AUTO_TEST_CASE(one_update_by_a_batch_of_two) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Running running{{2, 2}, dtype};
    running(converted(Tensor::of<float>({2, 2}, {1, -4, 3, 0}), dtype));
    const double error = dtype == DType::f32 ? 4 * test::unit_roundoff : 0x1p-50;
    BOOST_TEST(test::within(values(running.mean), std::vector{0.1 * 2, 0.1 * -2}, error));
    BOOST_TEST(test::within(values(running.variance), std::vector{0.9 + 0.1 * 2, 0.9 + 0.1 * 8}, 2 * error));
  }
}

BOOST_AUTO_TEST_CASE(several_updates_fade_the_past_geometrically) {
  Running running{{4, 1}, DType::f64, 0.25};
  double mean = 0.0;
  double variance = 1.0;
  for (const double center : {1.0, 5.0, -2.0}) {
    // Deviations 1, -1, 1, -1: unbiased variance 4 / 3.
    running(Tensor::of<double>({4, 1}, {center + 1, center - 1, center + 1, center - 1}));
    mean = 0.75 * mean + 0.25 * center;
    variance = 0.75 * variance + 0.25 * 4 / 3;
    BOOST_TEST(std::abs(values(running.mean)[0] - mean) < 1e-15);
    BOOST_TEST(std::abs(values(running.variance)[0] - variance) < 1e-15);
  }
}

// Batches of two, x and y: mean (x + y) / 2, unbiased variance (x - y)^2 / 2. The weights 1, 1/2 and 1/3 make
// a few roundings of values below 10 (means) and 20 (variances).
BOOST_AUTO_TEST_CASE(without_a_momentum_three_updates_equal_the_mean_of_three) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Running running{{2, 1}, dtype, std::nullopt};
    const double roundoff = dtype == DType::f32 ? test::unit_roundoff : 0x1p-53;
    double mean = 0.0;
    double variance = 0.0;
    int updates = 0;
    for (const auto& [x, y] : {std::pair{1.0F, 3.0F}, {-4.0F, 2.0F}, {9.0F, 9.5F}}) {
      running(converted(Tensor::of<float>({2, 1}, {x, y}), dtype));
      mean += (x + y) / 2;
      variance += (x - y) * (x - y) / 2;
      ++updates;
      BOOST_TEST(values(running.updates)[0] == updates);
      BOOST_TEST(std::abs(values(running.mean)[0] - mean / updates) <= 10 * 10 * roundoff);
      BOOST_TEST(std::abs(values(running.variance)[0] - variance / updates) <= 10 * 20 * roundoff);
    }
  }
}

BOOST_AUTO_TEST_CASE(updates_are_counted_with_a_momentum_too) {
  Running running{{2, 1}, DType::f32};
  for (int i = 1; i <= 3; ++i) {
    running(Tensor::of<float>({2, 1}, {1, 3}));
    BOOST_TEST(values(running.updates)[0] == i);
  }
}

BOOST_AUTO_TEST_CASE(f32_agrees_with_the_reference) {
  for (const auto& shape : {Shape{2, 1}, Shape{3, 7}, Shape{64, 128}, Shape{33, 1031}}) {
    const Tensor batch = test::random_tensor(shape, 1, 2.0, 0.5);
    Running single{shape, DType::f32};
    Running wide{shape, DType::f64};
    single(batch);
    wide(converted(batch, DType::f64));
    // The values are below 10 in magnitude, their squares below 100; the update itself rounds three times.
    const double error = test::summation_error(shape[0]);
    BOOST_TEST(test::within(values(single.mean), values(wide.mean), momentum * 10 * error));
    BOOST_TEST(test::within(values(single.variance), values(wide.variance), momentum * 100 * error));
  }
}

BOOST_AUTO_TEST_CASE(momentum_of_zero_and_of_one) {
  const Tensor batch = Tensor::of<double>({2, 1}, {1, 3});
  Running frozen{{2, 1}, DType::f64, 0.0};
  frozen(batch);
  BOOST_TEST(values(frozen.mean)[0] == 0.0);
  BOOST_TEST(values(frozen.variance)[0] == 1.0);
  Running last{{2, 1}, DType::f64, 1.0};
  last(batch);
  BOOST_TEST(values(last.mean)[0] == 2.0);
  BOOST_TEST(values(last.variance)[0] == 2.0);
}

BOOST_AUTO_TEST_CASE(statistics_that_are_not_finite_are_reported_and_kept_out) {
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      for (const std::int64_t features : {3, 16}) {
        Running running{{4, features}, dtype};
        running(converted(test::random_tensor({4, features}, 1), dtype));
        const auto mean = values(running.mean);
        const auto variance = values(running.variance);
        const auto updates = values(running.updates);
        Tensor batch = test::random_tensor({4, features}, 2);
        batch.data<float>()[static_cast<std::size_t>(features) + 2] = wrong;
        BOOST_TEST(throws_with<NonFiniteError>(
            [&] { running(converted(batch, dtype)); },
            {"running_statistics at running_statistics_test.cpp:", "feature 2", "left as they were"}));
        BOOST_TEST(values(running.mean) == mean, boost::test_tools::per_element());
        BOOST_TEST(values(running.variance) == variance, boost::test_tools::per_element());
        BOOST_TEST(values(running.updates) == updates, boost::test_tools::per_element());
      }
    }
  }
}

// Finite values can lie further apart than the square root of the largest number.
BOOST_AUTO_TEST_CASE(
    a_variance_that_the_element_type_does_not_hold_is_told_from_an_input_that_is_not_finite) {
  const auto refuses = [](DType dtype, double size, std::string_view most) {
    Running running{{4, 1}, dtype};
    const Tensor batch = Tensor::of<double>({4, 1}, {size, 2 * size, 3 * size, 4 * size});
    auto result = throws_with<NonFiniteError>(
        [&] { running(converted(batch, dtype)); },
        {"feature 0 of the batch has mean 2.5e+", "its input is finite", most, "scale the input down"});
    if (values(running.updates)[0] != 0.0 || values(running.variance)[0] != 1.0) result = false;
    return result;
  };
  BOOST_TEST(refuses(DType::f32, 1e20, "3.4e+38 at the most"));
  BOOST_TEST(refuses(DType::f64, 1e160, "1.8e+308 at the most"));
}

// Of two values the unbiased variance is twice the biased one.
BOOST_AUTO_TEST_CASE(a_running_variance_that_would_be_infinite_is_refused) {
  for (const std::optional<double> weight : {std::optional<double>{}, std::optional<double>{1.0}}) {
    Running running{{2, 1}, DType::f32, weight};
    BOOST_TEST(throws_with<NonFiniteError>(
        [&] {
          running(Tensor::of<float>({2, 1}, {-1.5e19F, 1.5e19F}));
        },
        {"mean 0 and variance 2.25", "its input is finite", "would become 4.5e+38, and f32 holds 3.4e+38"}));
    BOOST_TEST(values(running.variance)[0] == 1.0);
    BOOST_TEST(values(running.updates)[0] == 0.0);
    running(Tensor::of<float>({2, 1}, {-1e19F, 1e19F}));
    BOOST_TEST(values(running.variance)[0] == static_cast<double>(2e38F), boost::test_tools::tolerance(1e-6));
  }
}

BOOST_AUTO_TEST_CASE(a_batch_is_not_blamed_for_statistics_that_were_lost_before) {
  for (const auto statistic : {&Running::mean, &Running::variance}) {
    Running running{{2, 1}, DType::f32};
    (running.*statistic).data<float>()[0] = std::numeric_limits<float>::infinity();
    BOOST_TEST(throws_with<NonFiniteError>(
        [&] {
          running(Tensor::of<float>({2, 1}, {-1, 1}));
        },
        {"feature 0 has a running mean of ", "from before this batch", "initialize the model again"}));
    BOOST_TEST(values(running.updates)[0] == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(settings_and_shapes_that_make_no_sense_are_named) {
  Tape tape;
  const Tensor scalar{Shape{}};
  const Tensor three{Shape{3}};
  const Tensor four{Shape{4}};
  const Var n = tape.stored(scalar);
  const Var a = tape.stored(three);
  const Var b = tape.stored(four);
  const std::string line = "running_statistics_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { update_running_statistics(a, a, n, a, a, 1.5, 8); };
  BOOST_TEST(
      throws_with<ShapeError>(call, {"running_statistics", "momentum must be in [0, 1], not 1.5", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { update_running_statistics(a, a, n, a, a, momentum, 1); },
                                     {"two values or more, not 1"}));
  BOOST_TEST(throws_with<ShapeError>([&] { update_running_statistics(a, a, n, b, a, momentum, 8); },
                                     {"each statistic must be (3), not (4)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { update_running_statistics(a, a, b, a, a, momentum, 8); },
                                     {"updates must be (), not (4)"}));
}

BOOST_AUTO_TEST_SUITE_END()
