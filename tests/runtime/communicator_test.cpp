#include "keel/runtime/communicator.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "../support/thread_ranks.hpp"
#include "keel/runtime/rng.hpp"

namespace {

using namespace keel;
using test::run_ranks;

// Numbers of which sums depend on the order.
std::vector<float> numbers_of(int rank, std::size_t count) {
  Rng rng{static_cast<std::uint64_t>(rank) + 1};
  std::vector<float> numbers(count);
  for (auto& number : numbers) number = static_cast<float>(rng.normal());
  return numbers;
}

std::vector<float> sum_by_tree(int first, int end, std::size_t count) {
  if (end - first == 1) return numbers_of(first, count);
  int half = 1;
  while (half * 2 < end - first) half *= 2;
  auto sum = sum_by_tree(first, first + half, count);
  const auto other = sum_by_tree(first + half, end, count);
  for (std::size_t i = 0; i < count; ++i) sum[i] += other[i];
  return sum;
}

// What every rank of `size` is told by the Error that `body` ends with; empty where it does not.
std::vector<std::string> errors_of(int size, const std::function<void(const Communicator&)>& body) {
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  std::mutex mutex;
  try {
    run_ranks(size, [&](const Communicator& ranks) {
      try {
        body(ranks);
      } catch (const RankError& error) {
        const std::lock_guard lock{mutex};
        errors[static_cast<std::size_t>(ranks.rank())] = error.what();
        throw;
      }
    });
  } catch (const std::exception&) {
    // They are in `errors`.
  }
  return errors;
}

void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts)
    BOOST_TEST(text.find(part) != std::string::npos, "'" << part << "' in: " << text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(communicator)

BOOST_AUTO_TEST_CASE(one_rank_is_alone) {
  const Communicator ranks;
  BOOST_TEST(ranks.rank() == 0);
  BOOST_TEST(ranks.size() == 1);
  std::array values{1.0F, 2.0F};
  ranks.all_reduce(values, "values");
  BOOST_TEST(values[1] == 2.0F);
  BOOST_TEST(ranks.all_gather("mine", "texts") == std::vector<std::string>{"mine"});
  BOOST_TEST(ranks.from_first("mine", "text") == "mine");
  ranks.fail("nobody hears it");
  ranks.end();
}

BOOST_AUTO_TEST_CASE(sums_are_a_tree_over_the_ranks_and_the_same_on_all) {
  for (const int size : {2, 3, 4, 5, 8}) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, std::size_t{50'001}}) {
      const auto expected = sum_by_tree(0, size, count);
      run_ranks(size, [&](const Communicator& ranks) {
        auto values = numbers_of(ranks.rank(), count);
        ranks.all_reduce(values, "numbers");
        if (values != expected) throw Error{"another sum on rank " + std::to_string(ranks.rank())};
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(an_array_of_several_pieces_is_summed_up_whole) {
  constexpr std::size_t count = 2'200'001;
  const auto expected = sum_by_tree(0, 3, count);
  run_ranks(3, [&](const Communicator& ranks) {
    auto values = numbers_of(ranks.rank(), count);
    ranks.begin_all_reduce(values, "numbers");
    ranks.finish_all_reduce(values);
    if (values != expected) throw Error{"another sum on rank " + std::to_string(ranks.rank())};
  });
}

BOOST_AUTO_TEST_CASE(several_sums_are_under_way_at_a_time) {
  run_ranks(4, [](const Communicator& ranks) {
    std::vector<std::vector<double>> arrays;
    for (int i = 0; i < 6; ++i) arrays.emplace_back(std::size_t{30'000}, i + ranks.rank());
    for (auto& array : arrays) ranks.begin_all_reduce(array, "an array");
    std::array small{1.0};
    ranks.all_reduce(small, "a small one behind them");
    if (small[0] != 4.0) throw Error{"the small one"};
    for (auto& array : arrays) ranks.finish_all_reduce(array);
    for (int i = 0; i < 6; ++i)
      for (const double value : arrays[static_cast<std::size_t>(i)])
        if (value != 4.0 * i + 6.0) throw Error{"a large one"};
  });
}

BOOST_AUTO_TEST_CASE(texts_of_any_length_are_gathered) {
  run_ranks(3, [](const Communicator& ranks) {
    const auto mine = std::string(static_cast<std::size_t>(ranks.rank()) * 1000, 'x');
    const auto all = ranks.all_gather(mine, "texts");
    for (std::size_t r = 0; r < 3; ++r)
      if (all[r].size() != r * 1000) throw Error{"a length"};
    if (ranks.from_first(ranks.rank() == 0 ? "first" : "other", "a text") != "first") throw Error{"a text"};
    if (!ranks.from_first(ranks.rank() == 0 ? "" : "other", "a text").empty()) throw Error{"no text"};
    std::string several_pieces(50'000'001, 'x');
    for (std::size_t i = 0; i < several_pieces.size(); i += 1000)
      several_pieces[i] = static_cast<char>(i / 1000 % 120);
    if (ranks.from_first(ranks.rank() == 0 ? several_pieces : "", "a text") != several_pieces)
      throw Error{"a long text"};
  });
}

BOOST_AUTO_TEST_CASE(ranks_that_part_are_told_where_each_is) {
  const auto errors = errors_of(3, [](const Communicator& ranks) {
    std::array values{1.0F, 2.0F};
    ranks.all_reduce(values, "the first");
    ranks.all_reduce(values, ranks.rank() == 1 ? "batch norm 2" : "the gradients");
  });
  expect_parts(errors[0], {"the 3 ranks do not do the same",
                           "ranks 0 and 2 are at operation 2, the sum of the gradients",
                           "rank 1 is at operation 2, the sum of batch norm 2"});
  BOOST_TEST(errors[1] == errors[0]);
  BOOST_TEST(errors[2] == errors[0]);
}

BOOST_AUTO_TEST_CASE(sizes_that_differ_are_told) {
  const auto errors = errors_of(2, [](const Communicator& ranks) {
    std::vector<float> values(ranks.rank() == 0 ? 10 : 20'000);
    ranks.all_reduce(values, "the gradients");
  });
  expect_parts(errors[0], {"10 of f32", "20000 of f32"});
}

BOOST_AUTO_TEST_CASE(a_rank_that_fails_ends_all_with_its_words) {
  const auto errors = errors_of(3, [](const Communicator& ranks) {
    if (ranks.rank() == 2) throw Error{"label 12 is out of range"};
    std::array values{1.0F};
    ranks.all_reduce(values, "values");
  });
  BOOST_TEST(errors[0] == "rank 2 failed: label 12 is out of range");
  BOOST_TEST(errors[1] == errors[0]);
}

BOOST_AUTO_TEST_CASE(ranks_that_fail_alike_know_that_all_have) {
  run_ranks(3, [](const Communicator& ranks) {
    if (!ranks.fail("the disk is full")) throw Error{"not heard"};
    std::array values{1.0F};
    try {
      ranks.all_reduce(values, "values");
      throw Error{"it went on"};
    } catch (const RankError&) {
      ranks.leave(1, ranks.rank() == 0);
    }
  });
}

BOOST_AUTO_TEST_CASE(a_rank_that_ended_is_not_waited_for) {
  const auto errors = errors_of(2, [](const Communicator& ranks) {
    std::array values{1.0F};
    if (ranks.rank() == 0) ranks.all_reduce(values, "values");
  });
  expect_parts(errors[0], {"rank 0 is at operation 1", "rank 1 is at operation 1, the end of the program"});
}

BOOST_AUTO_TEST_CASE(a_rank_without_a_sign_of_life_is_named) {
  const auto begun = std::chrono::steady_clock::now();
  const auto errors = errors_of(3, [](const Communicator& ranks) {
    ranks.set_timeout(0.5);
    std::array values{1.0F};
    if (ranks.rank() == 1) std::this_thread::sleep_for(std::chrono::seconds{6});
    ranks.all_reduce(values, "values");
  });
  expect_parts(errors[0], {"ranks 0 and 2 are at operation 1", "rank 1 shows no sign of life", "0.5 s"});
  BOOST_TEST(errors[2] == errors[0]);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  BOOST_TEST(seconds < 60.0);
}

BOOST_AUTO_TEST_CASE(timeouts_that_no_clock_counts_are_refused) {
  const Communicator ranks;
  for (const double seconds : {0.0, -1.0, 1e10, std::numeric_limits<double>::infinity(), std::nan("")})
    BOOST_CHECK_THROW(ranks.set_timeout(seconds), Error);
  ranks.set_timeout(1e6);
}

BOOST_AUTO_TEST_CASE(after_ranks_have_parted_nothing_goes_on) {
  const auto errors = errors_of(2, [](const Communicator& ranks) {
    std::array values{1.0F};
    try {
      ranks.all_reduce(values, ranks.rank() == 0 ? "this" : "that");
    } catch (const RankError&) {
      ranks.all_reduce(values, "the same again");
    }
  });
  expect_parts(errors[0], {"this", "that"});
}

BOOST_AUTO_TEST_SUITE_END()
