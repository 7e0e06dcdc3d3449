// Plans in a forked child.

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>

#include "../support/graph_support.hpp"
#include "keel/keel.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using namespace keel::testing;

// A product that is worth two threads.
class Product {
 public:
  Product()
      : src_(random_tensor({256, 192}, DType::f32, 1)),
        weights_(random_tensor({160, 192}, DType::f32, 2)),
        plan_(compile()) {
    BOOST_TEST_REQUIRE(plan_.steps()[0].threads == ThreadLimit::current());
  }

  std::vector<double> run() {
    plan_.run();
    return values_of(plan_.output(0));
  }
  // Without memory of its own: a child that is made while a thread is in AddressSanitizer's allocator can't get any.
  void run_only() { plan_.run(); }

 private:
  Plan compile() {
    Tape tape{Mode::inference};
    const Var src = tape.input(src_.type());
    const Var weights = tape.input(weights_.type());
    Plan plan{tape, std::array{linear(src, weights)}};
    plan.bind(src, src_);
    plan.bind(weights, weights_);
    return plan;
  }

  Tensor src_;
  Tensor weights_;
  Plan plan_;
};

// Whether `body` returns true in a forked child, which has half a minute.
template <class Body>
bool holds_in_a_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    bool holds = false;
    try {
      holds = body();
    } catch (...) {
    }
    _exit(holds ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Each further thread wants a stack of 1 GiB, of which the address space has none left.
void leave_no_room_for_threads() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t{1} << 30U);
  pthread_setattr_default_np(&attributes);
  rlim_t pages = 0;
  std::ifstream{"/proc/self/statm"} >> pages;
  const rlim_t most = pages * 4096 + (rlim_t{1} << 29U);
  const rlimit limit{most, most};
  setrlimit(RLIMIT_AS, &limit);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fork_test)

BOOST_AUTO_TEST_CASE(a_child_runs_its_parents_plan_and_the_parent_goes_on) {
  const ThreadLimit two{2};
  Product product;
  const auto expected = product.run();
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(holds_in_a_child([&] { return product.run() == expected && product.run() == expected; }));
    BOOST_TEST(product.run() == expected, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_child_compiles_plans_of_its_own) {
  const ThreadLimit two{2};
  const auto expected = Product{}.run();
  BOOST_TEST(holds_in_a_child([&] { return Product{}.run() == expected; }));
}

BOOST_AUTO_TEST_CASE(a_child_runs_a_plan_that_its_parent_has_only_compiled) {
  const ThreadLimit two{2};
  Product product;
  const auto expected = Product{}.run();
  BOOST_TEST(holds_in_a_child([&] { return product.run() == expected; }));
  BOOST_TEST(product.run() == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_child_of_another_thread_than_the_main_one_runs_plans) {
  const ThreadLimit two{2};
  Product product;
  const auto expected = product.run();
  bool holds = false;
  bool went_on = false;
  std::thread{[&] {
    const ThreadLimit also_two{2};
    Product own;
    own.run();
    holds = holds_in_a_child([&] { return own.run() == expected && product.run() == expected; });
    went_on = own.run() == expected;
  }}.join();
  BOOST_TEST(holds);
  BOOST_TEST(went_on);
  BOOST_TEST(product.run() == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_child_forks_again) {
  const ThreadLimit two{2};
  Product product;
  const auto expected = product.run();
  BOOST_TEST(holds_in_a_child([&] {
    const bool before = product.run() == expected;
    const bool inner = holds_in_a_child([&] { return product.run() == expected; });
    return before && inner && product.run() == expected;
  }));
}

BOOST_AUTO_TEST_CASE(a_child_has_its_parents_limit) {
  const int outside = ThreadLimit::current();
  {
    const ThreadLimit three{3};
    BOOST_TEST(holds_in_a_child([] {
      std::atomic<int> parts = 0;
      parallel_for(3, 1, [&](auto, auto) { ++parts; });
      return ThreadLimit::current() == 3 && parts == 3;
    }));
  }
  BOOST_TEST(ThreadLimit::current() == outside);
}

BOOST_AUTO_TEST_CASE(a_child_runs_plans_while_another_thread_of_its_parent_does) {
  const ThreadLimit two{2};
  Product product;
  const auto expected = product.run();
  std::atomic<bool> over = false;
  std::atomic<int> runs = 0;
  std::thread other{[&] {
    const ThreadLimit also_two{2};
    Product own;
    while (!over) {
      own.run_only();
      ++runs;
    }
  }};
  while (runs == 0) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(holds_in_a_child([&] { return product.run() == expected; }));
  }
  over = true;
  other.join();
}

BOOST_AUTO_TEST_CASE(a_child_that_can_not_have_the_plans_threads_is_told_so) {
  const ThreadLimit two{2};
  Product product;
  const auto expected = product.run();
  BOOST_TEST(holds_in_a_child([&] {
    leave_no_room_for_threads();
    const auto text = text_of<Error>([&] { product.run(); });
    const ThreadLimit one{1};
    return text ==
               "the plan runs on 2 threads, but the system lets the process have only 1; compile it under "
               "ThreadLimit 1" &&
           Product{}.run() == expected;
  }));
}

BOOST_AUTO_TEST_SUITE_END()
