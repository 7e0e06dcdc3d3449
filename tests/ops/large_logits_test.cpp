// Softmax, its logarithm and the losses made of it, of logits that are large beside their differences. What
// is right is worked out in long double here, since the f64 reference is put to the test as well.

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/softmax.hpp"

namespace {

using namespace keel;
using Vars = std::span<const Var>;

constexpr std::array dtypes{DType::f32, DType::f64};

double loss_of(const std::vector<double>& logits, int label, DType dtype, bool fused) {
  const auto count = static_cast<std::int64_t>(logits.size());
  Tensor src{{1, count}, dtype};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (dtype == DType::f64)
      src.data<double>()[i] = logits[i];
    else
      src.data<float>()[i] = static_cast<float>(logits[i]);
  }
  const Tensor labels = Tensor::of<std::int32_t>({1}, {label});
  Tape tape;
  const Var x = tape.input(src.type());
  const Var y = tape.input(labels.type());
  PlanOptions options;
  if (fused) options.rules = fusion_rules();
  Plan plan{tape, std::array{cross_entropy(x, y)}, options};
  plan.bind(x, src);
  plan.bind(y, labels);
  plan.run();
  return test::values(plan.output(0))[0];
}

void check_loss(const std::vector<double>& logits, int label, double expected) {
  for (const auto dtype : dtypes) {
    for (const bool fused : {false, true}) {
      const double actual = loss_of(logits, label, dtype, fused);
      const double relative = dtype == DType::f32 ? 3 * test::unit_roundoff : 0x1p-51;
      BOOST_TEST(std::abs(actual - expected) <= relative * std::abs(expected),
                 name_of(dtype) << (fused ? ", fused: " : ": ") << actual << ", not " << expected);
    }
  }
}

// log(softmax) of a line, by its definition.
std::vector<double> exact(const std::vector<double>& line) {
  const long double most = *std::ranges::max_element(line);
  long double sum = 0.0L;
  for (const double x : line) sum += std::exp(x - most);
  std::vector<double> result;
  for (const double x : line) result.push_back(static_cast<double>((x - most) - std::log(sum)));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(large_logits_test)

BOOST_AUTO_TEST_CASE(equal_logits_of_any_size_have_the_entropy_of_their_number) {
  for (const double size : {0.0, 1e2, 1e8, 1e17, -1e30, 3e38}) {
    check_loss({size, size}, 1, std::log(2.0));
    check_loss({size, size, size}, 2, std::log(3.0));
  }
}

BOOST_AUTO_TEST_CASE(an_offset_does_not_change_the_loss) {
  for (const double offset : {0.0, 1e2, 1e4, 1e6, -1e6})
    check_loss({offset, offset + 1, offset + 2, offset + 3}, 0, 3.4401896985611953);
}

BOOST_AUTO_TEST_CASE(one_class_is_certain) {
  for (const double logit : {0.0, -3.0, 1e6}) check_loss({logit}, 0, 0.0);
  for (const auto dtype : dtypes) {
    const auto result = test::evaluate(
        [](Vars v) {
          return std::vector{log_softmax(v[0]), softmax(v[0]), log_softmax(v[0], 0), softmax(v[0], 0)};
        },
        {.dtype = dtype, .differentiated = false, .inputs = {Tensor::of<float>({1, 1}, {2.5F})}});
    BOOST_TEST(result.outputs[0][0] == 0.0);
    BOOST_TEST(result.outputs[1][0] == 1.0);
    BOOST_TEST(result.outputs[2][0] == 0.0);
    BOOST_TEST(result.outputs[3][0] == 1.0);
  }
}

// Along the last axis and along another, of which the loops differ.
BOOST_AUTO_TEST_CASE(log_softmax_keeps_its_digits_beside_any_offset) {
  for (const double offset : {0.0, 1e3, 1e5, -1e5}) {
    for (const std::int64_t length : {2, 10, 16, 33}) {
      const Tensor rows = test::random_tensor({4, length}, 1, 1.0, offset);
      Tensor columns{{length, 4}};
      std::vector<double> expected;
      const auto values = test::values(rows);
      const auto size = static_cast<std::size_t>(length);
      for (std::size_t r = 0; r < 4; ++r) {
        const auto line = exact({values.begin() + static_cast<std::ptrdiff_t>(r * size),
                                 values.begin() + static_cast<std::ptrdiff_t>((r + 1) * size)});
        expected.insert(expected.end(), line.begin(), line.end());
        for (std::size_t j = 0; j < size; ++j)
          columns.data<float>()[j * 4 + r] = rows.data<float>()[r * size + j];
      }
      for (const auto dtype : dtypes) {
        const double unit = dtype == DType::f32 ? test::unit_roundoff : 0x1p-53;
        const auto along_rows = test::evaluate([](Vars v) { return std::vector{log_softmax(v[0])}; },
                                               {.dtype = dtype, .differentiated = false, .inputs = {rows}});
        const auto along_columns =
            test::evaluate([](Vars v) { return std::vector{log_softmax(v[0], 0)}; },
                           {.dtype = dtype, .differentiated = false, .inputs = {columns}});
        for (std::size_t i = 0; i < expected.size(); ++i) {
          // The difference, the logarithm and what is left of them: each rounded once, and exp's two units.
          const double bound = 8 * unit * (1.0 + std::abs(expected[i]));
          BOOST_TEST(std::abs(along_rows.outputs[0][i] - expected[i]) <= bound);
          BOOST_TEST(std::abs(along_columns.outputs[0][i % size * 4 + i / size] - expected[i]) <= bound);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_a_number_spoils_its_row_and_no_other) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float odd : {nan, infinity}) {
    for (const std::int64_t length : {3, 20}) {
      Tensor src = test::random_tensor({2, length}, 1);
      src.data<float>()[1] = odd;
      for (const auto dtype : dtypes) {
        const auto result = test::evaluate(
            [](Vars v) {
              return std::vector{log_softmax(v[0]), softmax(v[0])};
            },
            {.dtype = dtype, .differentiated = false, .inputs = {src}});
        for (const auto& values : result.outputs) {
          for (std::size_t i = 0; i < values.size(); ++i)
            BOOST_TEST(std::isnan(values[i]) == (i < static_cast<std::size_t>(length)));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
