#include "keel/ops/concatenate.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;

using Vars = std::span<const Var>;

template <class T>
void check_by_hand() {
  const Tensor src = test::counting<T>({2, 3});
  const auto along = [&](std::int64_t axis) {
    return test::computed<T>(src, [&](const Var& v) {
      return axis == 0 ? concatenate({v, slice(v, 0, 0, 1)}, 0) : concatenate({v, slice(v, 1, 0, 1)}, axis);
    });
  };
  BOOST_TEST(along(0) == (std::vector<T>{0, 1, 2, 3, 4, 5, 0, 1, 2}), boost::test_tools::per_element());
  BOOST_TEST(along(1) == (std::vector<T>{0, 1, 2, 0, 3, 4, 5, 3}), boost::test_tools::per_element());
  BOOST_TEST(along(-1) == along(1), boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(concatenate_test)

BOOST_AUTO_TEST_CASE(elements_worked_by_hand_in_every_type) {
  check_by_hand<float>();
  check_by_hand<double>();
  check_by_hand<std::int32_t>();
  check_by_hand<std::uint8_t>();
}

BOOST_AUTO_TEST_CASE(any_axis_and_all_gradients_are_exact) {
  struct Case {
    std::vector<Shape> shapes;
    std::int64_t axis;
  };
  const std::vector<Case> cases{
      {{{3}, {4}, {1}}, 0},
      {{{2, 3}, {5, 3}}, 0},
      {{{2, 3}, {2, 1}, {2, 4}}, 1},
      {{{1, 3}, {1, 2}}, 1},
      {{{2, 3, 4}, {2, 5, 4}}, 1},
      {{{2, 3, 4}, {2, 3, 1}}, -1},
      {{{2, 3, 4, 5}, {2, 7, 4, 5}}, 1},
      {{{130, 31}, {130, 1000}}, 1},
  };
  for (const auto& [shapes, axis] : cases) {
    std::vector<Tensor> inputs;
    for (const auto& shape : shapes) inputs.push_back(test::random_tensor(shape, inputs.size() + 1));
    const auto function = [where = axis](Vars v) { return std::vector{concatenate(v, where)}; };
    BOOST_TEST_CONTEXT(to_string(shapes[0]) << " and others along " << axis)
    test::check_exact(function, inputs);
  }
}

BOOST_AUTO_TEST_CASE(one_array_many_and_the_same_one_several_times) {
  const auto inputs = test::random_tensors({{2, 3}});
  test::check_exact([](Vars v) { return std::vector{concatenate(v, 1)}; }, inputs);
  test::check_exact([](Vars v) { return std::vector{concatenate(v, 0)}; }, inputs);
  test::check_exact(
      [](Vars v) {
        const std::vector<Var> many(100, v[0]);
        return std::vector{slice(concatenate(many, 1), 1, 100, 103)};
      },
      inputs);
  // Twice: the gradient is the sum of two slices, rounded once in f32.
  const auto twice = test::evaluate(
      [](Vars v) {
        return std::vector{concatenate({v[0], v[0]}, 1)};
      },
      {.inputs = inputs});
  const auto upstream = test::values(test::upstream_gradient(Shape{2, 6}));
  for (std::size_t i = 0; i < 6; ++i) {
    const auto left = i / 3 * 6 + i % 3;
    const auto sum = static_cast<float>(upstream[left]) + static_cast<float>(upstream[left + 3]);
    BOOST_TEST(twice.gradients[0][i] == static_cast<double>(sum));
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_named_with_the_caller_s_line) {
  Tape tape;
  const Var a = tape.input(Shape{2, 3});
  const Var b = tape.input(Shape{4, 3});
  const std::string line = "concatenate_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { concatenate({a, b}, 1); };
  BOOST_TEST(throws_with<ShapeError>(call, {"concatenate(f32 (2, 3), f32 (4, 3))", line,
                                            "(2, 3) and (4, 3) differ along other axes than 1"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        concatenate({a, tape.input(Shape{2})}, 0);
      },
      {"(2, 3) and (2) differ"}));
  BOOST_TEST(throws_with<ShapeError>([&] { concatenate({a, b}, 2); }, {"no axis 2"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        concatenate({a, tape.input(Shape{2, 3}, DType::f64)}, 0);
      },
      {"one element type, not f32 and f64"}));
  BOOST_TEST(throws_with<ShapeError>([&] { concatenate({tape.input(Shape{})}, 0); }, {"a scalar has none"}));
  const std::string empty_line = "concatenate_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto empty = [&] { concatenate(std::vector<Var>{}, 0); };
  BOOST_TEST(throws_with<Error>(empty, {"concatenate at", empty_line, "nothing to concatenate"}));
}

BOOST_AUTO_TEST_SUITE_END()
