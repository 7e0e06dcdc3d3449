#include "keel/models/schedules.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../support/ops_support.hpp"
#include "keel/models/adam.hpp"
#include "keel/models/sgd.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;

constexpr std::int64_t far_away = std::int64_t{1} << 60;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

BOOST_AUTO_TEST_SUITE(schedules_test)

BOOST_AUTO_TEST_CASE(a_constant_rate) {
  const auto schedule = constant_schedule(0.1);
  for (const std::int64_t step : {std::int64_t{0}, std::int64_t{1}, far_away})
    BOOST_TEST(schedule(step) == 0.1);
}

BOOST_AUTO_TEST_CASE(steps_fall_after_every_so_many) {
  const auto schedule = step_schedule(0.5, 3, 0.25);
  for (const std::int64_t step : {0, 1, 2}) BOOST_TEST(schedule(step) == 0.5);
  for (const std::int64_t step : {3, 4, 5}) BOOST_TEST(schedule(step) == 0.125);
  BOOST_TEST(schedule(6) == 0.03125);
  BOOST_TEST(schedule(far_away) == 0.0);
  BOOST_TEST(step_schedule(0.5, 1, 2.0)(3) == 4.0);
}

BOOST_AUTO_TEST_CASE(a_cosine_from_the_rate_to_the_lowest) {
  const auto schedule = cosine_schedule(0.5, 4, 0.1);
  BOOST_TEST(schedule(0) == 0.5);
  const double quarter = std::sqrt(0.5);  // the cosine of pi / 4
  BOOST_TEST(std::abs(schedule(1) - (0.3 + 0.2 * quarter)) < 1e-15);
  BOOST_TEST(std::abs(schedule(2) - 0.3) < 1e-15);
  BOOST_TEST(std::abs(schedule(3) - (0.3 - 0.2 * quarter)) < 1e-15);
  for (const std::int64_t step : {std::int64_t{4}, std::int64_t{5}, far_away})
    BOOST_TEST(schedule(step) == 0.1);
  BOOST_TEST(cosine_schedule(0.5, 1)(0) == 0.5);
  BOOST_TEST(cosine_schedule(0.5, 1)(1) == 0.0);
  BOOST_TEST(std::abs(cosine_schedule(0.3, 7, 0.3)(2) - 0.3) < 1e-15);
}

BOOST_AUTO_TEST_CASE(a_cosine_never_rises) {
  const auto schedule = cosine_schedule(0.3, 1000, 1e-5);
  for (std::int64_t step = 0; step < 1000; ++step) {
    BOOST_TEST(schedule(step + 1) < schedule(step));
    BOOST_TEST(schedule(step) >= 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(warming_up_rises_evenly_and_then_the_other_begins) {
  const auto schedule = warm_up(4, step_schedule(1.0, 2, 0.5));
  const std::vector expected{0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25};
  for (std::size_t step = 0; step < expected.size(); ++step)
    BOOST_TEST(schedule(static_cast<std::int64_t>(step)) == expected[step]);
  BOOST_TEST(warm_up(1, constant_schedule(0.1))(0) == 0.1);
  BOOST_TEST(warm_up(2, warm_up(2, constant_schedule(1.0)))(0) == 0.25);
}

BOOST_AUTO_TEST_CASE(nonsense_is_named) {
  for (const double rate : {-0.1, HUGE_VAL, not_a_number}) {
    BOOST_TEST(
        throws_with<Error>([&] { constant_schedule(rate); }, {"constant_schedule: rate must be 0 or"}));
    BOOST_TEST(
        throws_with<Error>([&] { step_schedule(rate, 1, 0.5); }, {"step_schedule: rate must be 0 or"}));
    BOOST_TEST(throws_with<Error>([&] { cosine_schedule(rate, 1); }, {"cosine_schedule: rate must be 0 or"}));
    BOOST_TEST(
        throws_with<Error>([&] { cosine_schedule(1.0, 1, rate); }, {"cosine_schedule: lowest must be 0 or"}));
  }
  for (const std::int64_t steps : {0, -3}) {
    BOOST_TEST(
        throws_with<Error>([&] { step_schedule(0.1, steps, 0.5); }, {"every must be at least 1, not"}));
    BOOST_TEST(throws_with<Error>([&] { cosine_schedule(0.1, steps); }, {"steps must be at least 1, not"}));
    BOOST_TEST(throws_with<Error>([&] { warm_up(steps, constant_schedule(0.1)); },
                                  {"warm_up: steps must be at least 1, not"}));
  }
  for (const double factor : {0.0, -0.5, HUGE_VAL, not_a_number}) {
    BOOST_TEST(throws_with<Error>([&] { step_schedule(0.1, 1, factor); },
                                  {"factor must be a positive number, not"}));
  }
  BOOST_TEST(throws_with<Error>([] { cosine_schedule(0.1, 5, 0.2); }, {"lowest, 0.2, is above rate, 0.1"}));
  BOOST_TEST(throws_with<Error>([] { warm_up(3, {}); }, {"no schedule to warm up for"}));
}

BOOST_AUTO_TEST_CASE(a_negative_step_is_an_error) {
  const auto constant = constant_schedule(0.1);
  for (const auto& schedule :
       {constant, step_schedule(0.1, 1, 0.5), cosine_schedule(0.1, 5), warm_up(5, constant)})
    BOOST_TEST(throws_with<Error>([&] { schedule(-1); }, {"no step -1"}));
}

BOOST_AUTO_TEST_CASE(every_rate_is_one_that_optimizers_take) {
  Sgd sgd{{}};
  Adam adam{{}};
  const auto schedule = warm_up(10, cosine_schedule(0.1, 90));
  for (std::int64_t step = 0; step < 110; ++step) {
    sgd.set_learning_rate(schedule(step));
    adam.set_learning_rate(schedule(step));
    BOOST_TEST(sgd.learning_rate() == schedule(step));
    BOOST_TEST(adam.learning_rate() == schedule(step));
  }
}

BOOST_AUTO_TEST_SUITE_END()
