#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/pad.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

// What moves, repeats and leaves out elements. The numbers are NumPy's.

namespace {

using namespace keel;
using boost::test_tools::per_element;
using test::throws_with;

using Vars = std::span<const Var>;
using Function = std::function<Var(const Var&)>;

template <class T>
void check_type(const Tensor& src, const Function& function, const Shape& shape,
                const std::vector<double>& expected) {
  Shape found;
  const auto values = test::computed<T>(src, [&](const Var& v) {
    const Var result = function(v);
    found = result.shape();
    return reshape_to(result, found);
  });
  BOOST_TEST((found == shape), to_string(found));
  BOOST_TEST(std::vector<double>(values.begin(), values.end()) == expected, per_element());
}

void check_floats(const Function& function, const Shape& shape, const std::vector<double>& expected) {
  check_type<float>(test::counting<float>({2, 3, 2}), function, shape, expected);
  check_type<double>(test::counting<double>({2, 3, 2}), function, shape, expected);
}

void check(const Function& function, const Shape& shape, const std::vector<double>& expected) {
  check_floats(function, shape, expected);
  check_type<std::int32_t>(test::counting<std::int32_t>({2, 3, 2}), function, shape, expected);
  check_type<std::uint8_t>(test::counting<std::uint8_t>({2, 3, 2}), function, shape, expected);
}

void check_orders(const std::string& name, const Function& function, const Shape& shape) {
  for (const int order : {1, 2}) {
    const auto report = gradcheck([&](Vars v) { return square(function(v[0])); }, {shape},
                                  {.order = order, .f32 = GradcheckF32::required});
    BOOST_TEST(report.ok, name << ", order " << order << ": " << report.text);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(more_shapes_test)

BOOST_AUTO_TEST_CASE(slices_with_steps) {
  const auto check_line = [](const SliceRange& range, const std::vector<double>& expected) {
    check_type<float>(
        test::counting<float>({7}), [&](const Var& v) { return slice(v, 0, range); },
        Shape{static_cast<std::int64_t>(expected.size())}, expected);
  };
  check_line({.step = 2}, {0, 2, 4, 6});
  check_line({.step = -1}, {6, 5, 4, 3, 2, 1, 0});
  check_line({.step = -2}, {6, 4, 2, 0});
  check_line({.begin = 1, .end = 6, .step = 3}, {1, 4});
  check_line({.begin = -2, .end = 1, .step = -2}, {5, 3});
  check_line({.begin = 5, .step = -3}, {5, 2});
  check_line({.end = -3, .step = 2}, {0, 2});
  check_line({.begin = 3, .end = 3, .step = -1}, {});
  check_line({.begin = 2}, {2, 3, 4, 5, 6});
  check_line({.step = std::numeric_limits<std::int64_t>::min()}, {6});
  check_line({.step = std::numeric_limits<std::int64_t>::max()}, {0});
}

BOOST_AUTO_TEST_CASE(elements_of_every_type_in_new_places) {
  check([](const Var& v) { return slice(v, 1, {.step = -2}); }, {2, 2, 2}, {4, 5, 0, 1, 10, 11, 6, 7});
  check([](const Var& v) { return slice(v, -1, {.step = -1}); }, {2, 3, 2},
        {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10});
  check([](const Var& v) { return slice(v, 0, {.begin = 1, .step = -1}); }, {2, 3, 2},
        {6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5});
  check([](const Var& v) { return flip(v); }, {2, 3, 2}, {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0});
  check([](const Var& v) { return flip(v, {1}); }, {2, 3, 2}, {4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7});
  check([](const Var& v) { return flip(v, {0, -1}); }, {2, 3, 2}, {7, 6, 9, 8, 11, 10, 1, 0, 3, 2, 5, 4});
  check(
      [](const Var& v) {
        return stack({v, v}, 1);
      },
      {2, 2, 3, 2}, {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 6, 7, 8, 9, 10, 11});
  check(
      [](const Var& v) {
        return stack({v, v}, -1);
      },
      {2, 3, 2, 2}, {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11});
  check([](const Var& v) { return tile(v, {2}); }, {2, 3, 4},
        {0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11});
  check(
      [](const Var& v) {
        return tile(v, {2, 1, 2});
      },
      {4, 3, 4}, {0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11,
                  0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11});
  check(
      [](const Var& v) {
        return tile(v, {2, 1, 1, 1});
      },
      {2, 2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  check([](const Var& v) { return repeat(v, 2, 1); }, {2, 6, 2},
        {0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11});
  check([](const Var& v) { return repeat(v, 3, -1); }, {2, 3, 6},
        {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4,  4,  4,  5,  5,  5,
         6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11});
  check(
      [](const Var& v) {
        return pad(v, {{1, 2}}, {.mode = PadMode::edge});
      },
      {2, 3, 5},
      {0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 7, 8, 8, 9, 9, 9, 10, 10, 11, 11, 11});
  check(
      [](const Var& v) {
        return pad(v, {{2, 1}, {0, 0}}, {.mode = PadMode::reflect});
      },
      {2, 6, 2}, {4, 5, 2, 3, 0, 1, 2, 3, 4, 5, 2, 3, 10, 11, 8, 9, 6, 7, 8, 9, 10, 11, 8, 9});
  check(
      [](const Var& v) {
        return pad(v, {{1, 0}, {0, 2}, {1, 1}}, {.mode = PadMode::reflect});
      },
      {3, 5, 4},
      {7, 6, 7, 6, 9, 8, 9, 8, 11, 10, 11, 10, 9, 8, 9, 8, 7, 6, 7,  6,  1,  0,  1, 0, 3, 2, 3, 2, 5, 4,
       5, 4, 3, 2, 3, 2, 1, 0, 1,  0,  7,  6,  7, 6, 9, 8, 9, 8, 11, 10, 11, 10, 9, 8, 9, 8, 7, 6, 7, 6});
  check([](const Var& v) { return split(v, 2, 1)[0]; }, {2, 2, 2}, {0, 1, 2, 3, 6, 7, 8, 9});
  check([](const Var& v) { return split(v, 2, 1)[1]; }, {2, 1, 2}, {4, 5, 10, 11});
  check([](const Var& v) { return split(v, {0, 1, 2}, -2)[2]; }, {2, 2, 2}, {2, 3, 4, 5, 8, 9, 10, 11});
}

BOOST_AUTO_TEST_CASE(numbers_in_new_places) {
  check_floats(
      [](const Var& v) {
        return pad(v, {{1, 1}});
      },
      {2, 3, 4}, {0, 0, 1, 0, 0, 2, 3, 0, 0, 4, 5, 0, 0, 6, 7, 0, 0, 8, 9, 0, 0, 10, 11, 0});
  check_floats(
      [](const Var& v) {
        return pad(v, {{1, 0}, {0, 1}}, {.value = -0.5});
      },
      {2, 4, 3}, {-0.5, -0.5, -0.5, 0, 1, -0.5, 2, 3, -0.5, 4,  5,  -0.5,
                  -0.5, -0.5, -0.5, 6, 7, -0.5, 8, 9, -0.5, 10, 11, -0.5});
  check_floats([](const Var& v) { return tril(v); }, {2, 3, 2}, {0, 0, 2, 3, 4, 5, 6, 0, 8, 9, 10, 11});
  check_floats([](const Var& v) { return triu(v); }, {2, 3, 2}, {0, 1, 0, 3, 0, 0, 6, 7, 0, 9, 0, 0});
  check_floats([](const Var& v) { return tril(v, -1); }, {2, 3, 2}, {0, 0, 2, 0, 4, 5, 0, 0, 8, 0, 10, 11});
  check_floats([](const Var& v) { return triu(v, 1); }, {2, 3, 2}, {0, 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0});
  check_floats([](const Var& v) { return tril(v, 5); }, {2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  check_floats([](const Var& v) { return triu(v, -1); }, {2, 3, 2}, {0, 1, 2, 3, 0, 5, 6, 7, 8, 9, 0, 11});
}

BOOST_AUTO_TEST_CASE(axes_of_one_come_and_go) {
  const auto of = [](const Shape& shape, const Function& function) {
    Tape tape;
    return function(tape.input(shape)).shape();
  };
  BOOST_TEST((of({1, 3, 1}, [](const Var& v) { return squeeze(v); }) == Shape{3}));
  BOOST_TEST((of({1, 3, 1}, [](const Var& v) { return squeeze(v, {-1}); }) == Shape{1, 3}));
  BOOST_TEST((of({1, 1}, [](const Var& v) { return squeeze(v); }) == Shape{}));
  BOOST_TEST((of({2, 3}, [](const Var& v) { return expand_dims(v, 0); }) == Shape{1, 2, 3}));
  BOOST_TEST((of({2, 3}, [](const Var& v) { return expand_dims(v, -1); }) == Shape{2, 3, 1}));
  BOOST_TEST((of({2, 3}, [](const Var& v) { return expand_dims(v, -2); }) == Shape{2, 1, 3}));
  BOOST_TEST((of({}, [](const Var& v) { return expand_dims(v, 0); }) == Shape{1}));
}

BOOST_AUTO_TEST_CASE(pieces_of_a_split) {
  Tape tape;
  const Var src = tape.input({2, 7});
  const auto even = split(src, 3, 1);
  BOOST_TEST_REQUIRE(even.size() == 3U);
  BOOST_TEST((even[2].shape() == Shape{2, 1}));
  BOOST_TEST(split(src, 7, 1).size() == 1U);
  BOOST_TEST(split(tape.input({0, 2}), 3, 0).empty());
}

// What was above the diagonal does not matter.
BOOST_AUTO_TEST_CASE(triangles_lose_nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto values =
      test::computed<float>(Tensor::of<float>({2, 2}, {1, nan, 2, 3}), [](const Var& v) { return tril(v); });
  BOOST_TEST(values == (std::vector<float>{1, 0, 2, 3}), per_element());
}

BOOST_AUTO_TEST_CASE(gradients) {
  const Shape shape{2, 3, 4};
  check_orders(
      "slice", [](const Var& v) { return slice(v, 1, {.step = -2}); }, shape);
  check_orders(
      "slice of the last axis", [](const Var& v) { return slice(v, -1, {.begin = 1, .step = 2}); }, shape);
  check_orders(
      "flip", [](const Var& v) { return flip(v) * v; }, shape);
  check_orders(
      "stack",
      [](const Var& v) {
        return stack({v, v * v}, 1);
      },
      shape);
  check_orders(
      "tile",
      [](const Var& v) {
        return tile(v, {2, 1, 2});
      },
      shape);
  check_orders(
      "repeat", [](const Var& v) { return repeat(v, 2, 1); }, shape);
  check_orders(
      "squeeze", [](const Var& v) { return squeeze(expand_dims(v, 1)); }, shape);
  check_orders(
      "split",
      [](const Var& v) {
        return split(v, 2, 1)[0] * split(v, {1, 2}, 1)[1];
      },
      shape);
  for (const auto mode : {PadMode::constant, PadMode::reflect, PadMode::edge})
    check_orders(
        "pad",
        [=](const Var& v) {
          return pad(v, {{1, 2}, {0, 3}}, {.mode = mode, .value = 0.5});
        },
        shape);
  check_orders(
      "tril", [](const Var& v) { return tril(v, 1); }, shape);
  check_orders(
      "triu", [](const Var& v) { return triu(v); }, shape);
}

BOOST_AUTO_TEST_CASE(misfits_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input({2, 3});
  const std::string line = "more_shapes_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto sliced = [&] { slice(src, 1, {.begin = 4, .step = 2}); };
  BOOST_TEST(throws_with<ShapeError>(sliced, {"slice(f32 (2, 3)) at ", line, "4::2 along axis 1 of (2, 3)"}));
  const auto fails = [](const std::function<void()>& call, std::initializer_list<std::string_view> parts) {
    return throws_with<ShapeError>(call, parts);
  };
  BOOST_TEST(fails([&] { slice(src, 1, {.step = 0}); }, {"has a step of 0"}));
  BOOST_TEST(fails([&] { slice(src, 1, {.begin = 3, .step = -1}); }, {"3::-1", "reaches outside"}));
  BOOST_TEST(fails([&] { slice(src, 1, {.begin = 0, .end = 2, .step = -1}); }, {"0:2:-1", "the other way"}));
  BOOST_TEST(fails([&] { slice(src, 1, {.end = -5, .step = 2}); }, {"the other way"}));
  BOOST_TEST(fails([&] { slice(src, 2, {.step = 2}); }, {"slice(f32 (2, 3)) at ", "no axis 2"}));
  BOOST_TEST(fails([&] { flip(src, {0, -2}); }, {"flip(f32 (2, 3)) at ", "named twice"}));
  BOOST_TEST(fails(
      [&] {
        split(src, {1, 3}, 1);
      },
      {"split(f32 (2, 3)) at ", "pieces of 1, 3 do not make up axis 1"}));
  BOOST_TEST(fails([&] { split(src, 0, 1); }, {"can't be 0 long"}));
  BOOST_TEST(fails([&] { squeeze(src, {0}); }, {"squeeze(f32 (2, 3)) at ", "axis 0 of (2, 3) is not 1"}));
  BOOST_TEST(fails([&] { expand_dims(src, 3); }, {"expand_dims(f32 (2, 3)) at ", "no axis 3"}));
  BOOST_TEST(fails(
      [&] {
        stack({src, tape.input({2, 2})});
      },
      {"stack(f32 (2, 3), f32 (2, 2)) at ", "must be (2, 3)"}));
  BOOST_TEST(fails([&] { tile(src, {-1}); }, {"tile(f32 (2, 3)) at ", "a count is -1"}));
  BOOST_TEST(fails([&] { repeat(src, 2, 2); }, {"repeat(f32 (2, 3)) at ", "no axis 2"}));
  const std::int64_t huge = std::int64_t{1} << 62;
  BOOST_TEST(fails([&] { tile(src, {huge, huge}); }, {"tile(f32 (2, 3)) at ", "more than 2^48 elements"}));
  BOOST_TEST(fails([&] { repeat(src, huge, 0); }, {"repeat(f32 (2, 3)) at ", "more than 2^48 elements"}));
  BOOST_TEST(fails(
      [&] {
        pad(src, {{0, 3}}, {.mode = PadMode::reflect});
      },
      {"pad(f32 (2, 3)) at ", "axis 1 of (2, 3) is too short to be reflected 3 far: 2 at the most"}));
  BOOST_TEST(fails([&] { pad(src, {{0, -1}}); }, {"can't be widened by 0 and -1"}));
  BOOST_TEST(fails([&] { pad(src, {{}, {}, {}}); }, {"there are 3 widths for the 2 axes of (2, 3)"}));
  BOOST_TEST(fails(
      [&] {
        pad(tape.input({0}), {{1, 0}}, {.mode = PadMode::edge});
      },
      {"axis 0 of (0) has no edge"}));
  BOOST_TEST(fails([&] { triu(tape.input({2})); }, {"triu(f32 (2)) at ", "(2) is no matrix"}));
}

BOOST_AUTO_TEST_SUITE_END()
