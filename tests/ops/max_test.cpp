#include "keel/ops/max.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::computed;
using test::throws_with;

using Vars = std::span<const Var>;
using Indices = std::vector<std::int32_t>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

auto per_element() {
  return boost::test_tools::per_element();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(max_test)

BOOST_AUTO_TEST_CASE(the_largest_over_any_axes_and_its_gradient_are_exact) {
  for (const auto& shape : {Shape{5}, Shape{3, 5}, Shape{4, 1, 7}, Shape{2, 3, 4, 5}, Shape{2, 3, 2, 3, 2},
                            Shape{3, 64}, Shape{3, 65}, Shape{2, 200, 3}, Shape{8, 17, 9, 33}}) {
    for (const auto& axes : test::choices_of_axes(shape.rank())) {
      for (const bool keep_axes : {false, true}) {
        BOOST_TEST_CONTEXT(to_string(shape) << " over " << fmt::format("{}", fmt::join(axes, ", ")))
        test::check_exact([&](Vars v) { return std::vector{max(v[0], axes, keep_axes)}; },
                          test::random_tensors({shape}));
      }
    }
  }
  test::check_exact([](Vars v) { return std::vector{max(v[0])}; }, test::random_tensors({Shape{}}));
}

BOOST_AUTO_TEST_CASE(maxima_worked_by_hand) {
  const Tensor src = Tensor::of<float>({2, 3}, {1, 5, -2, 7, -infinity, 3});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(
        [](Vars v) {
          return std::vector{max(v[0], {0}), max(v[0], {-1}), max(v[0])};
        },
        {.dtype = dtype, .differentiated = false, .inputs = {src}});
    BOOST_TEST(result.outputs[0] == (std::vector<double>{7, 5, 3}), per_element());
    BOOST_TEST(result.outputs[1] == (std::vector<double>{5, 7}), per_element());
    BOOST_TEST(result.outputs[2] == (std::vector<double>{7}), per_element());
  }
  const Tensor lowest = Tensor::of<float>({2}, {-infinity, -infinity});
  BOOST_TEST(computed<float>(lowest, [](const Var& v) { return max(v); })[0] == -infinity);
}

BOOST_AUTO_TEST_CASE(ties_share_the_gradient_equally) {
  const Tensor src = Tensor::of<float>({2, 4}, {3, 1, 3, 3, 2, 2, 0, 1});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result =
        test::evaluate([](Vars v) { return std::vector{max(v[0], {1})}; }, {.dtype = dtype, .inputs = {src}});
    const auto upstream = test::values(test::upstream_gradient(Shape{2}));
    const double third =
        dtype == DType::f32 ? static_cast<double>(static_cast<float>(upstream[0]) / 3.0F) : upstream[0] / 3.0;
    const double half = upstream[1] / 2.0;
    BOOST_TEST(result.gradients[0] == (std::vector<double>{third, 0, third, third, half, half, 0, 0}),
               per_element());
  }
}

// Rows and columns of every length around that of vectors, and NaN in every place.
BOOST_AUTO_TEST_CASE(nan_is_passed_on_wherever_it_stands) {
  for (const std::int64_t length : {1, 2, 63, 64, 65, 130}) {
    for (std::int64_t place = 0; place < length; ++place) {
      for (const auto& [shape, axis] :
           {std::pair{Shape{2, length}, std::int64_t{1}}, {Shape{length, 2}, 0}, {Shape{length, 70}, 0}}) {
        Tensor src = test::random_tensor(shape, 1);
        const auto columns = shape[1];
        src.data<float>()[static_cast<std::size_t>(axis == 1 ? place : place * columns)] = not_a_number;
        const Axes axes{axis};
        const auto result = computed<float>(src, [&](const Var& v) { return max(v, axes); });
        const auto wide =
            computed<double>(test::converted(src, DType::f64), [&](const Var& v) { return max(v, axes); });
        BOOST_TEST_REQUIRE(std::isnan(result[0]));
        BOOST_TEST_REQUIRE(std::isnan(wide[0]));
        for (std::size_t i = 1; i < result.size(); ++i) {
          BOOST_TEST_REQUIRE(static_cast<double>(result[i]) == wide[i]);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_gradient_goes_to_nan_where_that_is_the_largest) {
  const Tensor src = Tensor::of<float>({3}, {1, not_a_number, 5});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate([](Vars v) { return std::vector{max(v[0], {0}, true)}; },
                                       {.dtype = dtype, .inputs = {src}});
    const auto upstream = test::values(test::upstream_gradient(Shape{1}));
    BOOST_TEST(result.gradients[0] == (std::vector<double>{0, upstream[0], 0}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(argmax_is_the_first_place_of_the_largest) {
  const Tensor src = Tensor::of<float>({2, 3}, {1, 5, 5, 7, -1, 7});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const Tensor typed = test::converted(src, dtype);
    const auto last = [](const Var& v) { return argmax(v); };
    const auto first = [](const Var& v) { return argmax(v, 0); };
    BOOST_TEST(computed<std::int32_t>(typed, last) == (Indices{1, 0}), per_element());
    BOOST_TEST(computed<std::int32_t>(typed, first) == (Indices{1, 0, 1}), per_element());
  }
  const Tensor middle = Tensor::of<float>({2, 3, 2}, {0, 1, 2, 3, 4, -5, 6, 5, 4, 3, 2, 1});
  BOOST_TEST(
      computed<std::int32_t>(middle, [](const Var& v) { return argmax(v, 1); }) == (Indices{2, 1, 0, 0}),
      per_element());
}

BOOST_AUTO_TEST_CASE(argmax_takes_the_first_nan_for_the_largest) {
  const Tensor src =
      Tensor::of<float>({3, 3}, {infinity, not_a_number, not_a_number, not_a_number, 1, 2, 1, 2, infinity});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result =
        computed<std::int32_t>(test::converted(src, dtype), [](const Var& v) { return argmax(v); });
    BOOST_TEST(result == (Indices{1, 0, 2}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(argmax_takes_no_part_in_gradients) {
  Tape tape;
  const Var x = tape.stored(Tensor::of<double>({2}, {1, 2}));
  const Var index = argmax(x);
  const auto grads = gradients(sum(x * x), std::span{&x, 1});
  Plan plan{tape, std::array{grads[0], index}};
  plan.run();
  BOOST_TEST(test::values(plan.output(0)) == (std::vector<double>{2, 4}), per_element());
  BOOST_TEST(plan.output(1).data<std::int32_t>()[0] == 1);
  BOOST_TEST((plan.output(1).shape() == Shape{}));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  const Var labels = tape.input(Shape{3}, DType::s32);
  const std::string line = "max_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { max(src, {2}); };
  BOOST_TEST(throws_with<ShapeError>(call, {"max(f32 (2, 3))", line, "no axis 2"}));
  BOOST_TEST(throws_with<ShapeError>([&] { argmax(src, -3); }, {"argmax(f32 (2, 3))", "no axis -3"}));
  BOOST_TEST(throws_with<ShapeError>([&] { max(labels); }, {"f32 or f64, not s32"}));
  BOOST_TEST(throws_with<ShapeError>([&] { argmax(labels); }, {"f32 or f64, not s32"}));
  BOOST_TEST(throws_with<ShapeError>([&] { argmax(tape.input(Shape{})); }, {"a scalar has none"}));
}

BOOST_AUTO_TEST_SUITE_END()
