#include "keel/ops/slice.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
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
  const Tensor src = test::counting<T>({2, 3, 2});
  const auto sliced = [&](std::int64_t axis, std::int64_t begin, std::int64_t end) {
    return test::computed<T>(src, [&](const Var& v) { return slice(v, axis, begin, end); });
  };
  BOOST_TEST(sliced(0, 1, 2) == (std::vector<T>{6, 7, 8, 9, 10, 11}), boost::test_tools::per_element());
  BOOST_TEST(sliced(1, 1, 3) == (std::vector<T>{2, 3, 4, 5, 8, 9, 10, 11}), boost::test_tools::per_element());
  BOOST_TEST(sliced(-1, -1, 2) == (std::vector<T>{1, 3, 5, 7, 9, 11}), boost::test_tools::per_element());
  BOOST_TEST(sliced(1, 0, -2) == (std::vector<T>{0, 1, 6, 7}), boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(slice_test)

BOOST_AUTO_TEST_CASE(elements_worked_by_hand_in_every_type) {
  check_by_hand<float>();
  check_by_hand<double>();
  check_by_hand<std::int32_t>();
  check_by_hand<std::uint8_t>();
}

BOOST_AUTO_TEST_CASE(every_slice_and_its_gradient_are_exact) {
  for (const auto& shape : {Shape{7}, Shape{3, 5}, Shape{1, 4}, Shape{2, 3, 4}, Shape{2, 5, 3, 4}}) {
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      for (std::int64_t begin = 0; begin < shape[axis]; ++begin) {
        for (std::int64_t end = begin + 1; end <= shape[axis]; ++end) {
          BOOST_TEST_CONTEXT(to_string(shape) << " axis " << axis << " from " << begin << " to " << end)
          test::check_exact(
              [&](Vars v) { return std::vector{slice(v[0], static_cast<std::int64_t>(axis), begin, end)}; },
              test::random_tensors({shape}));
        }
      }
    }
  }
  test::check_exact([](Vars v) { return std::vector{slice(v[0], 1, 100, 501)}; },
                    test::random_tensors({{130, 1031}}));
}

BOOST_AUTO_TEST_CASE(the_gradient_is_zero_around_the_slice) {
  const auto result = test::evaluate([](Vars v) { return std::vector{slice(v[0], 1, 1, 2)}; },
                                     {.inputs = test::random_tensors({{2, 3}})});
  const auto upstream = test::values(test::upstream_gradient(Shape{2, 1}));
  BOOST_TEST(result.gradients[0] == (std::vector<double>{0, upstream[0], 0, 0, upstream[1], 0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(ranges_that_do_not_fit_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  const std::string line = "slice_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { slice(src, 1, 1, 4); };
  BOOST_TEST(throws_with<ShapeError>(
      call, {"slice(f32 (2, 3))", line, "from 1 up to 4 reaches outside axis 1 of (2, 3)"}));
  const auto fails = [&](std::int64_t axis, std::int64_t begin, std::int64_t end, const std::string& text) {
    return throws_with<ShapeError>([&] { slice(src, axis, begin, end); }, {text});
  };
  constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
  constexpr auto highest = std::numeric_limits<std::int64_t>::max();
  BOOST_TEST(fails(1, -4, 2, "from -4 up to 2 reaches outside axis 1"));
  BOOST_TEST(fails(-1, lowest, highest, "reaches outside axis 1"));
  BOOST_TEST(fails(1, 2, 1, "from 2 up to 1 goes backwards along axis 1 of (2, 3)"));
  BOOST_TEST(fails(1, 2, -2, "goes backwards"));
  BOOST_TEST(fails(1, 2, lowest, "goes backwards"));
  BOOST_TEST(fails(1, 4, 4, "reaches outside"));
  BOOST_TEST(fails(2, 0, 1, "no axis 2"));
}

BOOST_AUTO_TEST_SUITE_END()
