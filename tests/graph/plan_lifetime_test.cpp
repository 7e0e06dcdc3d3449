#include <array>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

// What becomes of a plan that is moved or gone, that is run elsewhere than it was made for, or that hands its
// input through.

namespace {

using keel::DType;
using keel::Error;
using keel::Plan;
using keel::Shape;
using keel::Tape;
using keel::Tensor;
using keel::ThreadLimit;
using keel::Var;
using keel::testing::text_of;
using keel::testing::values_of;
using Values = std::vector<double>;

// Twice its input, of two elements.
struct Doubling {
  Tape tape;
  Var x = tape.input(Shape{2}, DType::f64, "x");
  Var twice = keel::multiply(x, tape.stored(Tensor::of<double>({}, {2}), "two"));
};

const Tensor one_and_two = Tensor::of<double>({2}, {1, 2});

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_lifetime_test)

BOOST_AUTO_TEST_CASE(a_plan_that_was_moved_from_throws_whatever_is_asked_of_it) {
  const Doubling d;
  Plan plan{d.tape, std::array{d.twice}};
  plan.bind(d.x, one_and_two);
  Plan taken = std::move(plan);
  taken.run();
  BOOST_TEST(values_of(taken.output(0)) == (Values{2, 4}), boost::test_tools::per_element());

  // NOLINTBEGIN(bugprone-use-after-move)
  BOOST_TEST(text_of<Error>([&] { plan.run(); }) ==
             "a plan was used that was moved from: use the one that it was moved into");
  BOOST_CHECK_THROW(plan.bind(d.x, one_and_two), Error);
  BOOST_CHECK_THROW(plan.bind(d.x.id(), one_and_two), Error);
  BOOST_CHECK_THROW((void)plan.output(0), Error);
  BOOST_CHECK_THROW(plan.poison(), Error);
  BOOST_CHECK_THROW((void)plan.profile(1), Error);
  BOOST_CHECK_THROW((void)plan.steps(), Error);
  BOOST_CHECK_THROW((void)plan.arena_bytes(), Error);
  BOOST_CHECK_THROW((void)plan.program(), Error);
  BOOST_CHECK_THROW((void)plan.output_values(), Error);
  BOOST_CHECK_THROW((void)plan.arena_offset(0), Error);

  plan = std::move(taken);
  BOOST_CHECK_THROW(taken.run(), Error);
  // NOLINTEND(bugprone-use-after-move)
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == (Values{2, 4}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_plan_that_is_given_itself_stays_as_it_is) {
  const Doubling d;
  Plan plan{d.tape, std::array{d.twice}};
  plan.bind(d.x, one_and_two);
  auto& same = plan;
  plan = std::move(same);
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == (Values{2, 4}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_output_outlasts_its_plan) {
  const Doubling d;
  std::optional<Plan> plan{std::in_place, d.tape, std::array{d.twice}};
  plan->bind(d.x, one_and_two);
  plan->run();
  const Tensor& output = plan->output(0);
  plan.reset();
  BOOST_TEST(values_of(output) == (Values{2, 4}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_output_that_a_plan_does_not_have_is_an_error) {
  const Doubling d;
  const Plan plan{d.tape, std::array{d.twice}};
  BOOST_TEST(text_of<Error>([&] { (void)plan.output(1); }) ==
             "output 1 of a plan was asked for, but it has 1");
}

BOOST_AUTO_TEST_CASE(a_plan_is_run_under_the_thread_limit_that_it_was_compiled_under_or_not_at_all) {
  const Doubling d;
  const auto compiled_for = [&](int threads) {
    const ThreadLimit limit{threads};
    Plan plan{d.tape, std::array{d.twice}};
    plan.bind(d.x, one_and_two);
    return plan;
  };
  auto for_two = compiled_for(2);
  auto for_one = compiled_for(1);
  {
    const ThreadLimit one{1};
    BOOST_TEST(
        text_of<Error>([&] { for_two.run(); }) ==
        "the plan was compiled for up to 2 threads, but is run under a limit of 1: compile it under the "
        "ThreadLimit that it is to run under");
    BOOST_CHECK_THROW((void)for_two.profile(1), Error);
    BOOST_CHECK_NO_THROW(for_one.run());
    BOOST_TEST(ThreadLimit::current() == 1);
  }
  const ThreadLimit two{2};
  BOOST_CHECK_THROW(for_one.run(), Error);
  BOOST_CHECK_NO_THROW(for_two.run());
}

BOOST_AUTO_TEST_CASE(a_plan_may_output_its_own_input) {
  const Doubling d;
  Plan plan{d.tape, std::array{d.x, d.twice, d.x}};
  BOOST_TEST(!plan.output(0).defined());
  for (const auto& input : {one_and_two, Tensor::of<double>({2}, {3, 4})}) {
    plan.bind(d.x, input);
    plan.run();
    BOOST_TEST(plan.output(0).bytes() == input.bytes());
    BOOST_TEST(plan.output(2).bytes() == input.bytes());
    BOOST_TEST(plan.output(1).data<double>()[1] == 2 * input.data<double>()[1]);
  }
}

BOOST_AUTO_TEST_CASE(an_input_that_is_only_handed_through_must_be_bound_as_well) {
  Tape tape;
  const Var x = tape.input(Shape{2}, DType::f64, "x");
  Plan plan{tape, std::array{x}};
  BOOST_TEST(text_of<Error>([&] { plan.run(); }) == "input 'x' of the plan has nothing bound to it yet");
  plan.bind(x, one_and_two);
  plan.poison();
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == (Values{1, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
