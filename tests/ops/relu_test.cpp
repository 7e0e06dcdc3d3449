#include "keel/ops/relu.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;

using Vars = std::span<const Var>;

std::vector<Var> rectified(Vars v) {
  return {relu(v[0])};
}

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

}  // namespace

BOOST_AUTO_TEST_SUITE(relu_test)

BOOST_AUTO_TEST_CASE(it_passes_positive_elements_on_exactly_and_so_does_its_gradient) {
  for (const auto& shape : {Shape{}, Shape{1}, Shape{7}, Shape{13, 31}, Shape{3, 16}, Shape{2, 3, 5, 1},
                            Shape{64, 128}, Shape{1024, 1031}}) {
    BOOST_TEST_CONTEXT(to_string(shape))
    test::check_exact(rectified, {test::random_tensor(shape, 1)});
  }
}

BOOST_AUTO_TEST_CASE(the_gradient_at_exactly_zero_is_zero) {
  const Tensor src = Tensor::of<float>({4}, {-1.0F, -0.0F, 0.0F, std::numeric_limits<float>::denorm_min()});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(rectified, {.dtype = dtype, .inputs = {src}});
    const auto upstream = test::values(test::upstream_gradient(Shape{4}));
    BOOST_TEST(result.outputs[0] == (std::vector<double>{0, 0, 0, test::values(src)[3]}),
               boost::test_tools::per_element());
    BOOST_TEST(result.gradients[0] == (std::vector<double>{0, 0, 0, upstream[3]}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(infinities_are_clipped_like_other_numbers) {
  const Tensor src = Tensor::of<float>({2}, {-infinity, infinity});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(rectified, {.dtype = dtype, .differentiated = false, .inputs = {src}});
    BOOST_TEST_CONTEXT(name_of(dtype)) {
      BOOST_TEST(result.outputs[0][0] == 0.0);
      BOOST_TEST(result.outputs[0][1] == static_cast<double>(infinity));
    }
  }
}

BOOST_AUTO_TEST_CASE(nan_stays_nan_and_so_does_its_gradient) {
  // One of a vector's width and one of a remainder, which a kernel may handle by different code.
  for (const std::int64_t count : {1, 16, 67}) {
    Tensor src{Shape{count}};
    src.data<float>().back() = not_a_number;
    for (const auto dtype : {DType::f32, DType::f64}) {
      const auto result = test::evaluate(rectified, {.dtype = dtype, .inputs = {src}});
      BOOST_TEST(std::isnan(result.outputs[0].back()), count << " elements");
      BOOST_TEST(std::isnan(result.gradients[0].back()), count << " elements");
    }
  }
}

BOOST_AUTO_TEST_CASE(labels_are_refused_by_name) {
  Tape tape;
  const Var labels = tape.input(Shape{3}, DType::s32);
  const std::string line = "relu_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { relu(labels); };
  BOOST_TEST(test::throws_with<ShapeError>(call, {"relu(s32 (3))", "f32 or f64, not s32", line}));
}

BOOST_AUTO_TEST_SUITE_END()
