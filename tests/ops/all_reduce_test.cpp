#include "keel/ops/all_reduce.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <mutex>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/thread_ranks.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::run_ranks;
using test::values;

// Of so many elements a sum begins early, and travels while the program goes on.
const Shape large{70'000};
const Shape small{50};

using Function = std::function<std::vector<Var>(const Var& src)>;

Tensor src_of(int rank, const Shape& shape) {
  return random_tensor(shape, DType::f64, static_cast<std::uint64_t>(rank) + 1);
}

// What every rank's plan puts out.
std::vector<std::vector<std::vector<double>>> outputs_of(int size, const Shape& shape, const Function& record,
                                                         const std::function<Tensor(int rank)>& src) {
  std::mutex mutex;
  std::vector<std::vector<std::vector<double>>> all(static_cast<std::size_t>(size));
  run_ranks(size, [&](const Communicator& ranks) {
    Tape tape{Mode::training, ranks};
    const Var input = tape.input(shape, DType::f64);
    const auto outputs = record(input);
    Plan plan{tape, outputs, {.rules = fusion_rules()}};
    plan.bind(input, src(ranks.rank()));
    plan.poison();
    plan.run();
    plan.run();
    std::vector<std::vector<double>> own;
    for (std::size_t i = 0; i < outputs.size(); ++i) own.push_back(values(plan.output(i)));
    const std::lock_guard lock{mutex};
    all[static_cast<std::size_t>(ranks.rank())] = std::move(own);
  });
  return all;
}

std::vector<double> sum_of(int size, const Shape& shape, const std::function<double(double)>& function) {
  std::vector<double> sum(static_cast<std::size_t>(shape.elements()));
  for (int rank = 0; rank < size; ++rank) {
    const auto numbers = values(src_of(rank, shape));
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += function(numbers[i]);
  }
  return sum;
}

void expect_close(const std::vector<double>& actual, const std::vector<double>& expected, const char* what) {
  BOOST_REQUIRE(actual.size() == expected.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i) worst = std::max(worst, std::abs(actual[i] - expected[i]));
  BOOST_TEST(worst < 1e-13, what << " is off by " << worst);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(all_reduce_)

BOOST_AUTO_TEST_CASE(alone_it_is_the_value_itself) {
  Tape tape;
  const Var src = tape.input(small);
  BOOST_TEST(all_reduce(src).id() == src.id());
  for (const auto dtype : {DType::s32, DType::u8}) {
    const Var integers = tape.input(small, dtype);
    BOOST_TEST(
        test::throws_with<ShapeError>([&] { all_reduce(integers); }, {"all_reduce at", "f32 or f64, not"}));
  }
}

BOOST_AUTO_TEST_CASE(sums_stand_beside_what_else_is_read) {
  for (const auto& shape : {small, large}) {
    const auto all = outputs_of(
        3, shape,
        [](const Var& src) {
          const Var squares = square(src);
          const Var sums = all_reduce(squares);
          return std::vector{sums, squares + 1.0, all_reduce(src), src * 2.0, all_reduce(squares)};
        },
        [&](int rank) { return src_of(rank, shape); });
    for (int rank = 0; rank < 3; ++rank) {
      const auto& own = all[static_cast<std::size_t>(rank)];
      const auto numbers = values(src_of(rank, shape));
      auto beside = numbers;
      for (auto& number : beside) number = number * number + 1.0;
      auto twice = numbers;
      for (auto& number : twice) number *= 2.0;
      const auto squares = sum_of(3, shape, [](double x) { return x * x; });
      expect_close(own[0], squares, "the sum of squares");
      expect_close(own[1], beside, "what reads the squares");
      expect_close(own[2], sum_of(3, shape, [](double x) { return x; }), "the sum of an input");
      expect_close(own[3], twice, "what reads the input");
      expect_close(own[4], squares, "the same sum again");
    }
  }
}

// A sum that begins early still stands behind what changes its values.
BOOST_AUTO_TEST_CASE(stored_values_are_summed_up_as_they_are_there) {
  for (const auto& shape : {small, large}) {
    std::mutex mutex;
    std::vector<std::vector<double>> before(2);
    std::vector<std::vector<double>> behind(2);
    run_ranks(2, [&](const Communicator& ranks) {
      Tape tape{Mode::training, ranks};
      const Tensor parameter = src_of(ranks.rank(), shape).clone();
      const Tensor velocity{shape, DType::f64};
      const Var stored = tape.stored(parameter);
      const Var first = all_reduce(stored);
      const std::array parameters{stored};
      const std::array velocities{tape.stored(velocity)};
      const std::array grads{tape.constant(1.0, DType::f64) *
                             broadcast_to(tape.constant(1.0, DType::f64), shape)};
      sgd_update(parameters, velocities, grads, tape.constant(0.5, DType::f64), {});
      const std::vector outputs{first, all_reduce(stored)};
      Plan plan{tape, outputs, {.rules = fusion_rules()}};
      plan.run();
      const std::lock_guard lock{mutex};
      before[static_cast<std::size_t>(ranks.rank())] = values(plan.output(0));
      behind[static_cast<std::size_t>(ranks.rank())] = values(plan.output(1));
    });
    for (std::size_t rank = 0; rank < 2; ++rank) {
      expect_close(before[rank], sum_of(2, shape, [](double x) { return x; }), "before the update");
      expect_close(behind[rank], sum_of(2, shape, [](double x) { return x - 0.5; }), "behind the update");
    }
  }
}

// By central differences of the sum of all ranks' losses in one rank's inputs.
BOOST_AUTO_TEST_CASE(its_derivative_is_that_of_the_sum_of_all_ranks_losses) {
  const Function losses = [](const Var& src) {
    const Var sums = all_reduce(sin(src));
    const Var loss = sum(sums * sums * src) + sum(exp(all_reduce(src * 0.1)));
    const std::array wrt{src};
    return std::vector{loss, gradients(loss, wrt)[0]};
  };
  const auto total_of = [&](int changed, std::size_t element, double step) {
    const auto all = outputs_of(3, small, losses, [&](int rank) {
      auto src = src_of(rank, small).clone();
      if (rank == changed) src.data<double>()[element] += step;
      return src;
    });
    double total = 0.0;
    for (const auto& own : all) total += own[0][0];
    return total;
  };
  const auto all = outputs_of(3, small, losses, [&](int rank) { return src_of(rank, small); });
  for (int rank = 0; rank < 3; ++rank) {
    for (const std::size_t element : {std::size_t{0}, std::size_t{17}, std::size_t{49}}) {
      constexpr double step = 1e-6;
      const double numeric = (total_of(rank, element, step) - total_of(rank, element, -step)) / (2.0 * step);
      const double recorded = all[static_cast<std::size_t>(rank)][1][element];
      BOOST_TEST(std::abs(recorded - numeric) < 1e-7 * std::max(1.0, std::abs(numeric)),
                 recorded << " and " << numeric << " on rank " << rank);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
