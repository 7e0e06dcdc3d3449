#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/ranks_support.hpp"
#include "../support/thread_ranks.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::begins_of;
using test::random_tensor;
using test::rows_of;
using test::run_ranks;
using test::values;

// What batch norm and its derivatives come to, by name.
using Numbers = std::map<std::string, std::vector<double>>;

struct Inputs {
  Tensor src;
  Tensor gamma;
  Tensor beta;
  Tensor upstream;
};

Inputs inputs_of(const Shape& shape, DType dtype, double offset = 0.0) {
  const Shape features{shape[1]};
  return {random_tensor(shape, dtype, 1, 2.0, offset), random_tensor(features, dtype, 2, 0.5, 1.0),
          random_tensor(features, dtype, 3), random_tensor(shape, dtype, 4)};
}

// Of the rows of one rank. The second derivative is that of the sum of squares of all first ones.
Numbers numbers_of(const Inputs& inputs, const Communicator& ranks, bool second) {
  Tape tape{Mode::training, ranks};
  const std::array all{inputs.src, inputs.gamma, inputs.beta, inputs.upstream};
  std::vector<Var> vars;
  for (const auto& tensor : all) vars.push_back(tape.input(tensor.type()));
  const auto [dst, mean, variance, count] = synchronized_batch_norm(vars[0], vars[1], vars[2]);
  const Var loss = sum(dst * vars[3]) + sum(square(mean)) * 0.5 + sum(variance * vars[2]);
  auto outputs = gradients(loss, std::span{vars}.first(3));
  if (second) {
    const Var squares = sum(square(outputs[0]));
    outputs = gradients(squares, std::span{vars}.first(4));
  }
  // Parameters get each rank's part.
  for (std::size_t i = 1; i < 3; ++i) outputs[i] = all_reduce(outputs[i]);
  outputs.insert(outputs.end(), {dst, mean, variance});
  Plan plan{tape, outputs, {.rules = fusion_rules()}};
  for (std::size_t i = 0; i < all.size(); ++i) plan.bind(vars[i], all[i]);
  plan.run();
  Numbers numbers{{"grad src", values(plan.output(0))},
                  {"grad gamma", values(plan.output(1))},
                  {"grad beta", values(plan.output(2))}};
  const auto rest = second ? std::size_t{4} : std::size_t{3};
  if (second) numbers["grad upstream"] = values(plan.output(3));
  numbers["dst"] = values(plan.output(rest));
  numbers["mean"] = values(plan.output(rest + 1));
  numbers["variance"] = values(plan.output(rest + 2));
  return numbers;
}

bool is_by_row(const std::string& name) {
  return name == "dst" || name == "grad src" || name == "grad upstream";
}

// Statistics enter the loss of every rank: in one process they count as often.
Numbers expected_of(const Inputs& inputs, std::size_t ranks, bool second) {
  Tape tape;
  const std::array all{inputs.src, inputs.gamma, inputs.beta, inputs.upstream};
  std::vector<Var> vars;
  for (const auto& tensor : all) vars.push_back(tape.input(tensor.type()));
  const auto [dst, mean, variance] = batch_norm_training(vars[0], vars[1], vars[2]);
  const auto times = static_cast<double>(ranks);
  const Var loss = sum(dst * vars[3]) + (sum(square(mean)) * 0.5 + sum(variance * vars[2])) * times;
  auto outputs = gradients(loss, std::span{vars}.first(3));
  if (second) outputs = gradients(sum(square(outputs[0])), std::span{vars}.first(4));
  outputs.insert(outputs.end(), {dst, mean, variance});
  Plan plan{tape, outputs, {.rules = fusion_rules()}};
  for (std::size_t i = 0; i < all.size(); ++i) plan.bind(vars[i], all[i]);
  plan.run();
  std::vector<std::string> names{"grad src", "grad gamma", "grad beta", "dst", "mean", "variance"};
  if (second) names.insert(names.begin() + 3, "grad upstream");
  Numbers numbers;
  for (std::size_t i = 0; i < names.size(); ++i) numbers[names[i]] = values(plan.output(i));
  return numbers;
}

double largest(const std::vector<double>& numbers) {
  double most = 0.0;
  for (const double number : numbers) most = std::max(most, std::abs(number));
  return most;
}

// Holds each rank's numbers against those of one batch of all rows, within `bound` of the largest.
void check_ranks(const Shape& shape, const std::vector<std::int64_t>& rows, DType dtype, double bound,
                 double offset = 0.0, bool second = false) {
  const auto whole = inputs_of(shape, dtype, offset);
  const auto expected = expected_of(whole, rows.size(), second);
  const auto begins = begins_of(rows);
  std::mutex mutex;
  std::vector<Numbers> by_rank(rows.size());
  run_ranks(static_cast<int>(rows.size()), [&](const Communicator& ranks) {
    const auto rank = static_cast<std::size_t>(ranks.rank());
    const auto own = [&](const Tensor& tensor) { return rows_of(tensor, begins[rank], begins[rank + 1]); };
    auto numbers = numbers_of({own(whole.src), whole.gamma, whole.beta, own(whole.upstream)}, ranks, second);
    const std::lock_guard lock{mutex};
    by_rank[rank] = std::move(numbers);
  });
  const auto row = static_cast<std::size_t>(shape.elements() / shape[0]);
  for (const auto& [name, all] : expected) {
    double worst = 0.0;
    for (std::size_t rank = 0; rank < rows.size(); ++rank) {
      const auto& numbers = by_rank[rank].at(name);
      const auto first = is_by_row(name) ? static_cast<std::size_t>(begins[rank]) * row : 0;
      for (std::size_t i = 0; i < numbers.size(); ++i)
        worst = std::max(worst, std::abs(numbers[i] - all[first + i]) / std::max(1.0, largest(all)));
    }
    BOOST_TEST(worst <= bound, name << " is off by " << worst);
  }
}

constexpr double f64_bound = 1e-12;
constexpr double f32_bound = 1e-6;

}  // namespace

BOOST_AUTO_TEST_SUITE(synchronized_batch_norm_)

BOOST_AUTO_TEST_CASE(three_and_five_samples_are_eight) {
  check_ranks({8, 5}, {3, 5}, DType::f64, f64_bound);
  check_ranks({8, 5}, {3, 5}, DType::f32, f32_bound);
}

BOOST_AUTO_TEST_CASE(images_too) {
  check_ranks({8, 3, 4, 5}, {3, 5}, DType::f64, f64_bound);
  check_ranks({8, 3, 4, 5}, {3, 5}, DType::f32, f32_bound);
}

BOOST_AUTO_TEST_CASE(ranks_of_one_sample_and_of_none) {
  check_ranks({8, 5}, {1, 0, 7}, DType::f64, f64_bound);
  check_ranks({8, 5}, {1, 0, 7}, DType::f32, f32_bound);
  check_ranks({2, 5}, {0, 1, 1, 0}, DType::f64, f64_bound);
  check_ranks({8, 3, 4, 5}, {0, 8}, DType::f32, f32_bound);
}

BOOST_AUTO_TEST_CASE(a_mean_that_is_large_beside_the_spread_loses_nothing) {
  check_ranks({64, 5}, {30, 34}, DType::f32, f32_bound, 10'000.0);
  check_ranks({64, 5}, {30, 34}, DType::f64, f64_bound, 1'000.0);
}

BOOST_AUTO_TEST_CASE(many_features_on_four_ranks) {
  check_ranks({40, 600}, {10, 11, 9, 10}, DType::f32, f32_bound);
}

BOOST_AUTO_TEST_CASE(second_derivatives) {
  check_ranks({8, 5}, {3, 5}, DType::f64, f64_bound, 0.0, true);
  check_ranks({9, 4}, {2, 0, 7}, DType::f64, f64_bound, 0.0, true);
  check_ranks({6, 2, 3, 3}, {4, 2}, DType::f64, f64_bound, 0.0, true);
}

BOOST_AUTO_TEST_CASE(less_than_two_values_on_all_ranks_are_an_error_on_all) {
  std::mutex mutex;
  int told = 0;
  const auto whole = inputs_of({1, 3}, DType::f32);
  try {
    run_ranks(2, [&](const Communicator& ranks) {
      try {
        const auto own = [&](const Tensor& tensor) { return rows_of(tensor, 0, ranks.rank()); };
        numbers_of({own(whole.src), whole.gamma, whole.beta, own(whole.upstream)}, ranks, false);
      } catch (const Error& error) {
        const std::lock_guard lock{mutex};
        told += std::string{error.what()}.find("less than two values of a feature") != std::string::npos;
        throw;
      }
    });
  } catch (const Error&) {
    // Counted above.
  }
  BOOST_TEST(told == 2);
}

BOOST_AUTO_TEST_SUITE_END()
