#include "keel/ops/transpose.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;

using Vars = std::span<const Var>;

template <class T>
void check_by_hand() {
  const Tensor src = test::counting<T>({2, 3});
  const auto result = test::computed<T>(src, [](const Var& v) { return transpose(v); });
  BOOST_TEST(result == (std::vector<T>{0, 3, 1, 4, 2, 5}), boost::test_tools::per_element());
  const Tensor cube = test::counting<T>({2, 2, 3});
  const auto turned = test::computed<T>(cube, [](const Var& v) { return transpose(v, {1, -1, 0}); });
  BOOST_TEST(turned == (std::vector<T>{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11}),
             boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(transpose_test)

BOOST_AUTO_TEST_CASE(elements_worked_by_hand_in_every_type) {
  check_by_hand<float>();
  check_by_hand<double>();
  check_by_hand<std::int32_t>();
  check_by_hand<std::uint8_t>();
}

BOOST_AUTO_TEST_CASE(every_permutation_and_its_gradient_are_exact) {
  for (const auto& shape : {Shape{7}, Shape{3, 5}, Shape{1, 5}, Shape{2, 3, 4}, Shape{3, 1, 4},
                            Shape{2, 3, 4, 5}, Shape{33, 2, 17}}) {
    Axes permutation(shape.rank());
    std::iota(permutation.begin(), permutation.end(), 0);
    do {
      BOOST_TEST_CONTEXT(to_string(shape) << " as " << fmt::format("{}", fmt::join(permutation, ", ")))
      test::check_exact([&](Vars v) { return std::vector{transpose(v[0], permutation)}; },
                        test::random_tensors({shape}));
    } while (std::ranges::next_permutation(permutation).found);
  }
}

BOOST_AUTO_TEST_CASE(without_a_permutation_the_axes_are_reversed) {
  for (const auto& shape : {Shape{}, Shape{3}, Shape{130, 67}, Shape{2, 3, 4, 5, 2, 3}}) {
    test::check_exact([](Vars v) { return std::vector{transpose(v[0])}; }, test::random_tensors({shape}));
  }
  Tape tape;
  BOOST_TEST((transpose(tape.input(Shape{2, 3, 4})).shape() == Shape{4, 3, 2}));
}

BOOST_AUTO_TEST_CASE(permutations_that_are_none_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  const std::string line = "transpose_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { transpose(src, {0, 0}); };
  BOOST_TEST(throws_with<ShapeError>(
      call, {"transpose(f32 (2, 3))", line, "(0, 0) does not name every axis of (2, 3) once"}));
  const auto fails = [&](const Axes& permutation, const std::string& text) {
    return throws_with<ShapeError>([&] { transpose(src, permutation); }, {text});
  };
  BOOST_TEST(fails({1}, "(1) does not name every axis"));
  BOOST_TEST(fails({0, 1, -1}, "(0, 1, -1) does not name every axis"));
  BOOST_TEST(fails({0, 2}, "no axis 2"));
  BOOST_TEST(throws_with<ShapeError>([&] { transpose(tape.input(Shape{}), {0}); }, {"a scalar has none"}));
}

BOOST_AUTO_TEST_SUITE_END()
