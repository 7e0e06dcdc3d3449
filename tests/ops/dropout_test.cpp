#include "keel/ops/dropout.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/random_mask.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_tensor;
using test::throws_with;
using test::values;

Tensor stream_of(std::initializer_list<std::int32_t> words) {
  return Tensor::of<std::int32_t>({4}, words);
}

std::vector<std::uint8_t> mask_of(const loops::MaskStream& stream, std::int64_t count, double rate) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(count));
  loops::random_mask(stream, 0, count, static_cast<std::uint32_t>(rate * 0x1p32), mask.data());
  return mask;
}

// Dropout of `src` with its gradient under `upstream`, to be run many times.
struct Dropped {
  Dropped(const Tensor& src, double rate, Tensor words) : stream(std::move(words)) {
    Tape tape;
    const Var input = tape.stored(src);
    const Var dropped = dropout(input, rate, tape.stored(stream));
    const Var upstream = tape.stored(converted(random_tensor(src.shape(), 77), src.dtype()));
    const auto grads = gradients(std::span{&dropped, 1}, std::span{&upstream, 1}, std::span{&input, 1});
    plan = std::make_unique<Plan>(tape, std::array{dropped, grads[0]});
  }
  const Dropped& run() {
    plan->run();
    dst = values(plan->output(0));
    grad_src = values(plan->output(1));
    return *this;
  }
  Tensor stream;
  std::unique_ptr<Plan> plan;
  std::vector<double> dst;
  std::vector<double> grad_src;
};

Tensor ones(const Shape& shape, DType dtype = DType::f32) {
  Tensor tensor{shape};
  std::ranges::fill(tensor.data<float>(), 1.0F);
  return converted(tensor, dtype);
}

// The logarithm of the probability of k out of n.
double log_binomial(double n, double k, double p) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
         (n - k) * std::log1p(-p);
}

// Whether `k` successes of `n`, or more extreme ones on the same side, have a probability above 1e-9, summed
// exactly. A generator that passes once passes always: it is a fixed function of its key.
bool is_plausible(std::int64_t n, std::int64_t k, double p) {
  const auto total = static_cast<double>(n);
  const int direction = static_cast<double>(k) < total * p ? -1 : 1;
  double tail = 0.0;
  for (std::int64_t i = k; i >= 0 && i <= n; i += direction) {
    const double term = std::exp(log_binomial(total, static_cast<double>(i), p));
    tail += term;
    if (term < 1e-16) break;
  }
  return tail > 1e-9;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dropout_test)

// The known answers that its authors publish with the generator (Random123, kat_vectors).
BOOST_AUTO_TEST_CASE(philox_gives_its_authors_known_answers) {
  struct Known {
    std::array<std::uint32_t, 4> counter;
    std::array<std::uint32_t, 2> key;
    std::array<std::uint32_t, 4> answer;
  };
  for (const auto& known : {
           Known{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
           Known{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                 {0xffffffff, 0xffffffff},
                 {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
           Known{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                 {0xa4093822, 0x299f31d0},
                 {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
       }) {
    loops::PhiloxBlock block{};
    for (std::size_t w = 0; w < 4; ++w) std::ranges::fill(block.word[w], known.counter[w]);
    block.scramble(known.key[0], known.key[1]);
    for (std::size_t w = 0; w < 4; ++w)
      for (const auto word : block.word[w]) BOOST_TEST(word == known.answer[w]);
  }
}

// Of counter 0 under key 0, in elements 0, 16, 32 and 48: at its own word an element is kept, just above not.
BOOST_AUTO_TEST_CASE(an_element_is_kept_where_its_word_reaches_the_threshold) {
  const std::array<std::uint32_t, 4> words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  for (std::size_t w = 0; w < 4; ++w) {
    for (const std::uint32_t above : {0U, 1U}) {
      std::array<std::uint8_t, 64> mask{};
      loops::random_mask({0, 0, 0, 0}, 0, 64, words[w] + above, mask.data());
      BOOST_TEST(int{mask[16 * w]} == 1 - static_cast<int>(above));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_mask_is_the_same_in_parts_and_writes_nothing_beyond_its_end) {
  const loops::MaskStream stream{1, 2, 3, 4};
  const auto whole = mask_of(stream, 1000, 0.5);
  std::vector<std::uint8_t> parts(1001, 9);
  for (const auto& [begin, end] : {std::pair{512, 999}, {0, 64}, {64, 512}})
    loops::random_mask(stream, begin, end, 0x80000000U, parts.data());
  BOOST_TEST(std::equal(whole.begin(), whole.begin() + 999, parts.begin()));
  BOOST_TEST(int{parts[999]} == 9);
}

BOOST_AUTO_TEST_CASE(elements_are_zeroed_or_divided_by_what_is_kept_and_gradients_alike) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const double rate : {0.0, 0.25, 0.9}) {
      const Tensor src = converted(random_tensor({7, 33}, 1), dtype);
      Dropped dropped{src, rate, stream_of({11, 12, 0, 0})};
      dropped.run();
      const auto upstream = values(random_tensor({7, 33}, 77));
      const auto mask = mask_of({11, 12, 0, 0}, 7 * 33, rate);
      const double roundoff = dtype == DType::f32 ? 2 * test::unit_roundoff : 0x1p-52;
      for (std::size_t i = 0; i < mask.size(); ++i) {
        const double factor = mask[i] / (1.0 - rate);
        BOOST_TEST(std::abs(dropped.dst[i] - values(src)[i] * factor) <= roundoff * std::abs(dropped.dst[i]));
        BOOST_TEST(std::abs(dropped.grad_src[i] - upstream[i] * factor) <=
                   roundoff * std::abs(dropped.grad_src[i]));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_share_of_zeros_is_the_rate_within_binomial_bounds) {
  constexpr std::int64_t count = 200'000;
  for (const double rate : {0.0009765625, 0.1, 0.5, 0.9}) {
    for (const std::uint32_t key : {1U, 2U, 3U}) {
      const auto mask = mask_of({key, 7, 0, 0}, count, rate);
      BOOST_TEST(is_plausible(count, std::ranges::count(mask, 0), rate), rate << " under key " << key);
    }
  }
}

// Elements at a distance, and the same elements of consecutive masks, are zero together as often as
// independent ones: for disjoint pairs, a binomial with the square of the rate. This is what the variance of
// a sum over the mask depends on.
BOOST_AUTO_TEST_CASE(pairs_of_elements_are_independent) {
  constexpr std::size_t count = 256'000;
  for (const double rate : {0.1, 0.5}) {
    const auto mask = mask_of({5, 6, 0, 0}, count, rate);
    const auto next = mask_of({5, 6, 1, 0}, count, rate);
    const auto other = mask_of({6, 6, 0, 0}, count, rate);
    for (const std::size_t distance : {1U, 2U, 16U, 32U, 64U, 128U}) {
      std::int64_t both = 0;
      for (std::size_t i = 0; i < count; ++i) {
        if (i / distance % 2 == 1) continue;
        both += mask[i] == 0 && mask[i + distance] == 0 ? 1 : 0;
      }
      BOOST_TEST(is_plausible(count / 2, both, rate * rate), "distance " << distance);
    }
    for (const auto* second : {&next, &other}) {
      std::int64_t both = 0;
      for (std::size_t i = 0; i < count; ++i) both += mask[i] == 0 && (*second)[i] == 0 ? 1 : 0;
      BOOST_TEST(is_plausible(count, both, rate * rate));
    }
  }
}

BOOST_AUTO_TEST_CASE(each_run_advances_the_stream_and_draws_anew) {
  Dropped dropped{ones({100}), 0.5, stream_of({1, 2, -1, 0})};
  const auto first = dropped.run().dst;
  const auto words = dropped.stream.data<std::int32_t>();
  BOOST_TEST(std::vector<std::int32_t>(words.begin(), words.end()) == (std::vector<std::int32_t>{1, 2, 0, 1}),
             boost::test_tools::per_element());  // the lower word of the count carried into the higher
  const auto second = dropped.run().dst;
  BOOST_TEST((first != second));
  words[2] = -1;
  words[3] = 0;
  BOOST_TEST((dropped.run().dst == first));
  BOOST_TEST((dropped.run().dst == second));
}

BOOST_AUTO_TEST_CASE(the_mask_depends_on_neither_threads_nor_element_type) {
  const Shape shape{300, 1001};
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 2, 3}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      const ThreadLimit limit{threads};
      results.push_back(Dropped{ones(shape, dtype), 0.5, stream_of({1, 2, 3, 4})}.run().dst);
      BOOST_TEST((results.back() == results.front()), threads << " threads, " << name_of(dtype));
    }
  }
}

BOOST_AUTO_TEST_CASE(one_stream_applied_twice_draws_two_masks_and_has_a_gradient) {
  const Tensor src = ones({64}, DType::f64);
  Tape tape;
  const Var input = tape.stored(src);
  const Var words = tape.stored(stream_of({1, 2, 0, 0}));
  const Var once = dropout(input, 0.5, words);
  const Var twice = dropout(once, 0.5, words);
  const Var upstream = tape.stored(src.clone());
  const auto grads = gradients(std::span{&twice, 1}, std::span{&upstream, 1}, std::span{&input, 1});
  Plan plan{tape, std::array{once, twice, grads[0]}};
  plan.run();
  const auto first = mask_of({1, 2, 0, 0}, 64, 0.5);
  const auto second = mask_of({1, 2, 1, 0}, 64, 0.5);
  for (std::size_t i = 0; i < 64; ++i) {
    BOOST_TEST(values(plan.output(0))[i] == 2.0 * first[i]);
    BOOST_TEST(values(plan.output(1))[i] == 4.0 * first[i] * second[i]);
    BOOST_TEST(values(plan.output(2))[i] == 4.0 * first[i] * second[i]);
  }
}

// The mask is part of the program: gradcheck puts the stream back before each of its runs.
BOOST_AUTO_TEST_CASE(its_derivative_agrees_with_central_differences) {
  const Tensor stream = stream_of({5, 6, 0, 0});
  const auto report = gradcheck(
      [&](auto v) {
        return dropout(v[0], 0.3, v[0].tape().stored(stream)) *
               dropout(v[0], 0.5, v[0].tape().stored(stream));
      },
      {{9, 7}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_not_hidden) {
  Tensor src = ones({64});
  std::ranges::fill(src.data<float>(), std::numeric_limits<float>::quiet_NaN());
  Dropped dropped{src, 0.5, stream_of({1, 2, 0, 0})};
  for (const double value : dropped.run().dst) BOOST_TEST(std::isnan(value));
}

BOOST_AUTO_TEST_CASE(rates_and_streams_that_make_no_sense_are_named) {
  Tape tape;
  const Var src = tape.input(Shape{3});
  const Var stream = tape.stored(stream_of({1, 2, 0, 0}));
  const std::string line = "dropout_test.cpp:" + std::to_string(__LINE__ + 2);
  for (const double rate : {1.0, -0.1, std::numeric_limits<double>::quiet_NaN()})
    BOOST_TEST(
        throws_with<ShapeError>([&] { dropout(src, rate, stream); }, {"must be in [0, 1), not", line}));
  const Var three = tape.stored(Tensor{Shape{3}, DType::s32});
  BOOST_TEST(throws_with<ShapeError>([&] { dropout(src, 0.5, three); }, {"stream must be (4), not (3)"}));
  const Var floats = tape.stored(Tensor{Shape{4}});
  BOOST_TEST(throws_with<ShapeError>([&] { dropout(src, 0.5, floats); }, {"stream must be s32, not f32"}));
  const Var given = tape.input(Shape{4}, DType::s32);
  BOOST_TEST(throws_with<Error>([&] { dropout(src, 0.5, given); }, {"not a stored value"}));
  const Var labels = tape.input(Shape{4}, DType::s32);
  BOOST_TEST(throws_with<ShapeError>([&] { dropout(labels, 0.5, stream); }, {"must be f32 or f64, not s32"}));
}

BOOST_AUTO_TEST_SUITE_END()
