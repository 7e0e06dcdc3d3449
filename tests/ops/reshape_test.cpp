#include "keel/ops/reshape.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;

using Vars = std::span<const Var>;

template <class T>
void check_order() {
  const Tensor src = test::counting<T>({2, 3, 2});
  const auto elements = src.data<T>();
  const auto result = test::computed<T>(src, [](const Var& v) { return reshape(v, {4, -1}); });
  BOOST_TEST(result == (std::vector<T>{elements.begin(), elements.end()}), boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reshape_test)

BOOST_AUTO_TEST_CASE(the_elements_stay_in_order_in_every_type) {
  check_order<float>();
  check_order<double>();
  check_order<std::int32_t>();
  check_order<std::uint8_t>();
}

BOOST_AUTO_TEST_CASE(the_gradient_has_the_shape_of_the_source) {
  test::check_exact(
      [](Vars v) {
        return std::vector{reshape(v[0], {3, 4})};
      },
      test::random_tensors({{2, 3, 2}}));
  test::check_exact([](Vars v) { return std::vector{flatten(v[0])}; }, test::random_tensors({{2, 3, 2}}));
}

BOOST_AUTO_TEST_CASE(one_extent_may_be_left_open) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3, 4});
  BOOST_TEST((reshape(src, {6, 4}).shape() == Shape{6, 4}));
  BOOST_TEST((reshape(src, {-1}).shape() == Shape{24}));
  BOOST_TEST((reshape(src, {2, -1, 2}).shape() == Shape{2, 6, 2}));
  BOOST_TEST((reshape(src, {24, -1}).shape() == Shape{24, 1}));
  BOOST_TEST((reshape(tape.input(Shape{1, 1}), {}).shape() == Shape{}));
  BOOST_TEST((reshape(tape.input(Shape{}), {1, -1}).shape() == Shape{1, 1}));
}

BOOST_AUTO_TEST_CASE(flatten_keeps_the_leading_axes) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3, 4, 5});
  BOOST_TEST((flatten(src).shape() == Shape{2, 60}));
  BOOST_TEST((flatten(src, 0).shape() == Shape{120}));
  BOOST_TEST((flatten(src, 2).shape() == Shape{2, 3, 20}));
  BOOST_TEST((flatten(src, -1).shape() == Shape{2, 3, 4, 5}));
  BOOST_TEST((flatten(src, -2).shape() == Shape{2, 3, 20}));
}

BOOST_AUTO_TEST_CASE(reshape_to_the_same_shape_records_nothing) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  BOOST_TEST(reshape_to(src, {2, 3}).id() == src.id());
  BOOST_TEST(tape.program().nodes.empty());
}

BOOST_AUTO_TEST_CASE(labels_can_be_reshaped_on_their_way) {
  const auto loss = [](bool reshaped) {
    return test::evaluate(
        [&](Vars v) { return std::vector{cross_entropy(v[0], reshaped ? reshape(v[1], {6}) : v[1])}; },
        {.inputs = {test::random_tensor({6, 4}, 1),
                    reshaped ? test::counting<std::int32_t>({2, 3}) : test::counting<std::int32_t>({6})}});
  };
  BOOST_TEST(throws_with<Error>([&] { loss(true); }, {"row 4 has label 4"}));
  const auto labels = test::random_labels(6, 4);
  const auto direct = test::evaluate([](Vars v) { return std::vector{cross_entropy(v[0], v[1])}; },
                                     {.inputs = {test::random_tensor({6, 4}, 1), labels}});
  const auto detour = test::evaluate(
      [](Vars v) {
        return std::vector{cross_entropy(v[0], flatten(reshape(v[1], {3, 2}), 0))};
      },
      {.inputs = {test::random_tensor({6, 4}, 1), labels}});
  BOOST_TEST(detour.outputs[0] == direct.outputs[0], boost::test_tools::per_element());
  BOOST_TEST(detour.gradients[0] == direct.gradients[0], boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  const std::string line = "reshape_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { reshape(src, {4, 2}); };
  BOOST_TEST(throws_with<ShapeError>(
      call, {"reshape(f32 (2, 3))", line, "(2, 3) has 6 elements, (4, 2) would have 8"}));
  const auto fails = [&](const std::vector<std::int64_t>& extents, const std::string& text) {
    return throws_with<ShapeError>([&] { reshape(src, extents); }, {"reshape(f32 (2, 3))", text});
  };
  BOOST_TEST(fails({4, -1}, "the 6 elements of (2, 3) can't fill (4, -1)"));
  BOOST_TEST(fails({0, -1}, "the 6 elements of (2, 3) can't fill (0, -1)"));
  BOOST_TEST(fails({-1, 2, -1}, "(-1, 2, -1) leaves more than one extent open"));
  BOOST_TEST(fails({-2, -3}, "negative extent"));
  BOOST_TEST(fails({std::int64_t{1} << 40, std::int64_t{1} << 40, -1}, "more than 2^48 elements"));
  BOOST_TEST(fails({1, 1, 1, 1, 1, 1, 6}, "7 axes, at most 6"));
  BOOST_TEST(throws_with<ShapeError>([&] { flatten(src, 2); }, {"flatten(f32 (2, 3))", "no axis 2"}));
  BOOST_TEST(throws_with<ShapeError>([&] { flatten(tape.input(Shape{}), 0); }, {"a scalar has none"}));
}

BOOST_AUTO_TEST_SUITE_END()
