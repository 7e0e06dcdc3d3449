#include "keel/runtime/shape.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <tuple>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using keel::broadcast;
using keel::DType;
using keel::Shape;
using keel::ShapeError;
using keel::to_string;
using keel::ValueType;
using keel::testing::text_of;

constexpr std::int64_t large = std::int64_t{1} << 40;

}  // namespace

BOOST_AUTO_TEST_SUITE(shape_test)

BOOST_AUTO_TEST_CASE(a_scalar_has_one_element_and_no_axes) {
  BOOST_TEST(Shape{}.rank() == 0);
  BOOST_TEST(Shape{}.elements() == 1);
  BOOST_TEST(to_string(Shape{}) == "()");
}

BOOST_AUTO_TEST_CASE(a_shape_knows_its_extents) {
  const Shape shape{2, 3, 5};
  BOOST_TEST(shape.rank() == 3);
  BOOST_TEST(shape[0] == 2);
  BOOST_TEST(shape[2] == 5);
  BOOST_TEST(shape.elements() == 30);
  BOOST_TEST(shape.extents().size() == 3);
  BOOST_TEST(to_string(shape) == "(2, 3, 5)");
}

BOOST_AUTO_TEST_CASE(an_extent_of_zero_leaves_no_elements) {
  BOOST_TEST((Shape{4, 0, 3}.elements()) == 0);
}

BOOST_AUTO_TEST_CASE(six_axes_are_the_most) {
  BOOST_TEST((Shape{1, 2, 1, 2, 1, 2}.elements()) == 8);
  BOOST_TEST(text_of<ShapeError>([] { Shape{1, 1, 1, 1, 1, 1, 1}; }) ==
             "shape (1, 1, 1, 1, 1, 1, 1) has 7 axes, at most 6 are supported");
}

BOOST_AUTO_TEST_CASE(a_negative_extent_is_refused) {
  BOOST_TEST(text_of<ShapeError>([] { Shape{3, -1}; }) == "shape (3, -1) has a negative extent");
  BOOST_CHECK_THROW((Shape{0, -1}), ShapeError);
  BOOST_CHECK_THROW(Shape{std::numeric_limits<std::int64_t>::min()}, ShapeError);
}

// 2^64 and 2^66 would wrap around to small numbers.
BOOST_AUTO_TEST_CASE(more_elements_than_2_to_the_48_are_refused) {
  BOOST_TEST((Shape{large, 256}.elements()) == std::int64_t{1} << 48);
  BOOST_CHECK_THROW((Shape{large, 257}), ShapeError);
  BOOST_CHECK_THROW((Shape{std::int64_t{1} << 32, std::int64_t{1} << 32}), ShapeError);
  BOOST_CHECK_THROW((Shape{std::int64_t{1} << 62, 16}), ShapeError);
  BOOST_CHECK_THROW(Shape{std::numeric_limits<std::int64_t>::max()}, ShapeError);
  BOOST_CHECK_THROW((Shape{large, large, large, large, large, large}), ShapeError);
  BOOST_TEST(text_of<ShapeError>([] {
               Shape{large, 257};
             }) == "shape (1099511627776, 257) has more than 2^48 elements");
}

BOOST_AUTO_TEST_CASE(shapes_compare_by_all_that_they_are) {
  BOOST_TEST((Shape{2, 3} == Shape{2, 3}));
  BOOST_TEST((Shape{2, 3} != Shape{3, 2}));
  BOOST_TEST((Shape{2} != Shape{2, 1}));
  BOOST_TEST((Shape{} != Shape{1}));
  BOOST_TEST((Shape{9} < Shape{2, 3}));
  BOOST_TEST((Shape{2, 3} < Shape{2, 4}));
}

BOOST_AUTO_TEST_CASE(shapes_broadcast_by_numpys_rule_either_way_round) {
  const std::vector<std::tuple<Shape, Shape, Shape>> cases{
      {{2, 3}, {2, 3}, {2, 3}},
      {{2, 3}, {3}, {2, 3}},
      {{2, 3}, {}, {2, 3}},
      {{}, {}, {}},
      {{1}, {}, {1}},
      {{2, 1}, {1, 3}, {2, 3}},
      {{2, 1}, {3}, {2, 3}},
      {{4, 1, 3}, {5, 1}, {4, 5, 3}},
      {{1, 1, 1, 1, 1, 7}, {6, 1, 1}, {1, 1, 1, 6, 1, 7}},
      {{1}, {0}, {0}},
      {{2, 0}, {1}, {2, 0}},
  };
  for (const auto& [a, b, expected] : cases) {
    BOOST_TEST(to_string(broadcast(a, b)) == to_string(expected));
    BOOST_TEST(to_string(broadcast(b, a)) == to_string(expected));
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_broadcast_are_named_with_the_extents_that_differ) {
  BOOST_TEST(text_of<ShapeError>([] {
               (void)broadcast({2, 3}, {4});
             }) == "shapes (2, 3) and (4) do not broadcast: 3 meets 4");
  BOOST_CHECK_THROW((void)broadcast({2, 3}, {2}), ShapeError);
  BOOST_CHECK_THROW((void)broadcast({2, 3}, {3, 2}), ShapeError);
  BOOST_CHECK_THROW((void)broadcast({3}, {2, 1, 2}), ShapeError);
  BOOST_CHECK_THROW((void)broadcast({0}, {2}), ShapeError);
}

BOOST_AUTO_TEST_CASE(a_broadcast_has_the_limits_of_any_shape) {
  BOOST_CHECK_THROW((void)broadcast({large, 1}, {1, large}), ShapeError);
}

BOOST_AUTO_TEST_CASE(element_types_have_a_size_and_a_name) {
  const std::array types{DType::f32, DType::f64, DType::s32, DType::u8};
  const std::array<std::size_t, 4> sizes{4, 8, 4, 1};
  const std::array names{"f32", "f64", "s32", "u8"};
  for (std::size_t i = 0; i < types.size(); ++i) {
    BOOST_TEST(keel::size_of(types.at(i)) == sizes.at(i));
    BOOST_TEST(keel::name_of(types.at(i)) == names.at(i));
  }
}

BOOST_AUTO_TEST_CASE(a_value_type_has_bytes_and_a_text) {
  const ValueType type{{64, 784}, DType::f64};
  BOOST_TEST(type.bytes() == 64U * 784U * 8U);
  BOOST_TEST(to_string(type) == "f64 (64, 784)");
  BOOST_TEST((ValueType{{2}, DType::f32} != ValueType{{2}, DType::s32}));
}

BOOST_AUTO_TEST_SUITE_END()
