// What batch norm keeps of the batches of several ranks.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <mutex>
#include <vector>

#include "../support/ranks_net.hpp"
#include "../support/ranks_support.hpp"
#include "../support/thread_ranks.hpp"

namespace {

using namespace keel;
using test::Arrays;
using test::arrays_of;
using test::expect_close;
using test::random_tensor;
using test::RanksNet;
using test::rows_of;
using test::run_ranks;
using test::values;

}  // namespace

BOOST_AUTO_TEST_SUITE(rank_statistics)

// As PyTorch's would be, had all ranks' batches come one after the other with a share of the momentum.
BOOST_AUTO_TEST_CASE(running_statistics_that_are_not_synchronized_follow_the_mean_of_the_ranks) {
  const auto whole = random_tensor({8, 4}, DType::f64, 3, 2.0, 1.0);
  std::mutex mutex;
  std::vector<Arrays> by_rank(2);
  std::vector<std::vector<double>> outputs(2);
  const std::vector<std::int64_t> begins{0, 3, 8};
  run_ranks(2, [&](const Communicator& ranks) {
    BatchNorm norm{4};
    initialize(norm, Rng{1}, DType::f64);
    const auto rank = static_cast<std::size_t>(ranks.rank());
    Tape tape{Mode::training, ranks};
    const auto part = rows_of(whole, begins[rank], begins[rank + 1]);
    const Var src = tape.input(part.type());
    const std::vector dst{norm(src)};
    Plan plan{tape, dst};
    plan.bind(src, part);
    plan.run();
    const std::lock_guard lock{mutex};
    outputs[rank] = values(plan.output(0));
    for (const auto& [path, parameter] : parameters(norm)) by_rank[rank][path] = values(parameter->value());
  });
  BOOST_TEST((by_rank[0] == by_rank[1]));
  std::vector<double> mean(4), variance(4);
  for (std::size_t rank = 0; rank < 2; ++rank) {
    BatchNorm alone{4, {.momentum = 1.0}};
    initialize(alone, Rng{1}, DType::f64);
    const auto part = rows_of(whole, begins[rank], begins[rank + 1]);
    Tape tape;
    const Var src = tape.input(part.type());
    const std::vector dst{alone(src)};
    Plan plan{tape, dst};
    plan.bind(src, part);
    plan.run();
    expect_close(outputs[rank], values(plan.output(0)), 1e-14, "dst");
    for (const auto& [path, parameter] : parameters(alone)) {
      auto& sums = path == "running_mean" ? mean : variance;
      if (path.starts_with("running"))
        for (std::size_t c = 0; c < 4; ++c) sums[c] += values(parameter->value())[c] / 2.0;
    }
  }
  for (std::size_t c = 0; c < 4; ++c) {
    BOOST_TEST(std::abs(by_rank[0]["running_mean"][c] - 0.1 * mean[c]) < 1e-14);
    BOOST_TEST(std::abs(by_rank[0]["running_variance"][c] - (0.9 + 0.1 * variance[c])) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(population_statistics_are_those_of_all_ranks) {
  const auto whole = random_tensor({60, 300}, DType::f64, 9, 3.0, 5.0);
  RanksNet expected{true};
  initialize(expected, Rng{1}, DType::f64);
  population_statistics(expected, std::vector{whole});
  const auto numbers = arrays_of(expected);
  std::mutex mutex;
  std::vector<Arrays> by_rank(3);
  run_ranks(3, [&](const Communicator& ranks) {
    RanksNet net{true};
    initialize(net, Rng{1}, DType::f64);
    const std::vector<std::int64_t> begins{0, 10, 35, 60};
    const auto rank = static_cast<std::size_t>(ranks.rank());
    population_statistics(net, std::vector{rows_of(whole, begins[rank], begins[rank + 1])}, ranks);
    const std::lock_guard lock{mutex};
    by_rank[rank] = arrays_of(net);
  });
  for (const auto& arrays : by_rank)
    for (const auto* path : {"norm1.running_mean", "norm1.running_variance"})
      expect_close(arrays.at(path), numbers.at(path), 1e-12, path);
}

BOOST_AUTO_TEST_SUITE_END()
