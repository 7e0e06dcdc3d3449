// Counts and widths whose products and sums go round in 64 bits, some of them back to what could be.

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>

#include "../support/ops_support.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/pad.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;

constexpr auto most = std::numeric_limits<std::int64_t>::max();
constexpr auto quarter = std::int64_t{1} << 62;  // four times that is 0
constexpr auto many = std::int64_t{1} << 47;

struct FourElements {
  Tape tape;
  Var src = tape.input({4});
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(large_counts_test, FourElements)

BOOST_AUTO_TEST_CASE(products_of_counts_are_refused) {
  for (const auto count : {quarter, quarter + 1, most}) {
    BOOST_TEST(throws_with<ShapeError>([&] { tile(src, {count}); },
                                       {"tile(f32 (4)) at ", "more than 2^48 elements"}));
    BOOST_TEST(throws_with<ShapeError>([&] { repeat(src, count, 0); },
                                       {"repeat(f32 (4)) at ", "more than 2^48 elements"}));
  }
  BOOST_TEST(
      throws_with<ShapeError>([&] { tile(src, {many}); }, {"tile(f32 (4)) at ", "more than 2^48 elements"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        tile(src, {many, 1});
      },
      {"tile(f32 (4)) at ", "more than 2^48 elements"}));
  BOOST_TEST(throws_with<ShapeError>([&] { repeat(src, many, 0); },
                                     {"repeat(f32 (4)) at ", "more than 2^48 elements"}));
}

BOOST_AUTO_TEST_CASE(sums_of_widths_are_refused) {
  for (const auto mode : {PadMode::constant, PadMode::edge}) {
    for (const auto width : {quarter, most}) {
      for (const auto& widths : {PadWidths{width, width}, PadWidths{0, width}, PadWidths{width, 0}})
        BOOST_TEST(throws_with<ShapeError>([&] { pad(src, {widths}, {.mode = mode}); },
                                           {"pad(f32 (4)) at ", "can't be wid"}));
    }
    const PadWidths twice{2 * many, 2 * many};
    BOOST_TEST(throws_with<ShapeError>([&] { pad(src, {twice}, {.mode = mode}); },
                                       {"pad(f32 (4)) at ", "more than 2^48"}));
  }
}

BOOST_AUTO_TEST_CASE(sums_of_pieces_are_refused) {
  const std::vector<std::int64_t> lengths{most, most, 6};
  BOOST_TEST(throws_with<ShapeError>([&] { split(src, lengths, 0); },
                                     {"split(f32 (4)) at ", "do not make up axis 0"}));
}

BOOST_AUTO_TEST_CASE(triangles_of_no_matrices_need_no_memory) {
  const Var none = tape.input({0, 1 << 20, 1 << 20});
  BOOST_TEST((tril(none).shape() == none.shape()));
  BOOST_TEST((triu(none, 3).shape() == none.shape()));
}

BOOST_AUTO_TEST_SUITE_END()
