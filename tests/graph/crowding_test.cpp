// When a plan leaves its threads and takes them up again, by made-up times of its runs.

#include "keel/graph/crowding.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using keel::Crowding;
using Duration = Crowding::Duration;
using namespace std::chrono_literals;

constexpr Duration alone_on_two = 130us;
constexpr Duration alone_on_one = 230us;

// Notes runs until so much running time is over; how much of it was spent on one thread. `several(i)` and
// `one(i)` give the i-th run's time.
template <class Several, class One>
Duration time_on_one(Crowding& crowding, Duration time, const Several& several, const One& one) {
  Duration on_one{};
  for (int i = 0; time > Duration{}; ++i) {
    const bool yields = crowding.yields();
    const Duration run = yields ? one(i) : several(i);
    crowding.note(run);
    time -= run;
    if (yields) on_one += run;
  }
  return on_one;
}

constexpr auto always(Duration run) {
  return [run](int) { return run; };
}

// Every `period`-th run takes `long_run`.
constexpr auto disturbed(Duration run, int period, Duration long_run) {
  return [=](int i) { return i % period == period - 1 ? long_run : run; };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(crowding_test)

BOOST_AUTO_TEST_CASE(undisturbed_runs_stay_on_their_threads) {
  Crowding crowding{700us};
  BOOST_TEST(time_on_one(crowding, 10s, always(alone_on_two), always(alone_on_one)).count() == 0.0);
}

BOOST_AUTO_TEST_CASE(runs_that_a_cold_cache_makes_twice_as_long_stay_on_their_threads) {
  Crowding crowding{700us};
  const auto runs = disturbed(alone_on_two, 2, 300us);
  BOOST_TEST(time_on_one(crowding, 10s, runs, always(alone_on_one)).count() == 0.0);
}

BOOST_AUTO_TEST_CASE(a_hiccup_every_second_is_borne) {
  Crowding crowding{700us};
  const auto runs = disturbed(alone_on_two, 8000, 6ms);
  BOOST_TEST(time_on_one(crowding, 20s, runs, always(alone_on_one)).count() == 0.0);
}

BOOST_AUTO_TEST_CASE(a_run_that_waited_long_for_a_processor_is_followed_by_runs_on_one_thread) {
  Crowding crowding{700us};
  crowding.note(alone_on_two);
  BOOST_TEST(!crowding.yields());
  crowding.note(72ms);
  BOOST_TEST(crowding.yields());
}

BOOST_AUTO_TEST_CASE(a_plan_that_was_crowded_from_its_first_run_on_sees_it_by_its_estimate) {
  Crowding crowding{700us};
  crowding.note(72ms);
  BOOST_TEST(crowding.yields());
}

BOOST_AUTO_TEST_CASE(looking_whether_the_others_have_ended_costs_little) {
  // As measured beside two, four and six busy processes on two processors.
  struct Measured {
    Duration stall;
    int period;
    Duration one;
  };
  for (const auto& [stall, period, one] : {Measured{6ms, 40, 330us}, Measured{60ms, 40, 575us},
                                           Measured{72ms, 1, 575us}, Measured{100ms, 20, 850us}}) {
    Crowding crowding{700us};
    const auto runs = disturbed(alone_on_two, period, stall);
    int count = 0;
    const auto counted = [&](auto run) {
      return [&count, run](int i) {
        ++count;
        return run(i);
      };
    };
    time_on_one(crowding, 60s, counted(runs), counted(always(one)));
    const Duration mean = Duration{60s} / count;
    BOOST_TEST(mean / one < 1.1);
  }
}

BOOST_AUTO_TEST_CASE(when_the_others_have_ended_the_threads_are_taken_up_again) {
  Crowding crowding{700us};
  crowding.note(50ms);
  const Duration on_one = time_on_one(crowding, 60s, always(alone_on_two), always(alone_on_one));
  BOOST_TEST(!crowding.yields());
  BOOST_TEST(on_one.count() > 0.0);
  BOOST_TEST(on_one.count() < Duration{3s}.count());
}

BOOST_AUTO_TEST_CASE(where_one_thread_is_slower_than_several_that_are_disturbed_it_is_left_again) {
  Crowding crowding{20ms};
  const auto runs = disturbed(1ms, 20, 10ms);
  const Duration on_one = time_on_one(crowding, 60s, runs, always(Duration{20ms}));
  BOOST_TEST(on_one.count() > 0.0);
  BOOST_TEST(on_one.count() < Duration{3s}.count());
}

BOOST_AUTO_TEST_CASE(an_estimate_that_is_far_too_low_costs_little) {
  Crowding crowding{1us};
  const Duration on_one = time_on_one(crowding, 60s, always(Duration{20ms}), always(Duration{35ms}));
  BOOST_TEST(on_one.count() < Duration{3s}.count());
}

BOOST_AUTO_TEST_SUITE_END()
