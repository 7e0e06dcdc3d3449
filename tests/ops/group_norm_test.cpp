// Group, instance and RMS norm, and batch norm of other shapes than (N, C) and images.

#include "keel/ops/group_norm.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/rms_norm.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using Vars = std::span<const Var>;

void check_gradients(const std::string& name, const std::function<Var(Vars)>& function,
                     const std::vector<Shape>& shapes) {
  for (const int order : {1, 2}) {
    const auto report = gradcheck(function, shapes, {.order = order, .f32 = GradcheckF32::required});
    BOOST_TEST(report.ok, name << ", order " << order << ": " << report.text);
  }
}

std::vector<double> of(const std::function<Var(Vars)>& function, const std::vector<Tensor>& inputs,
                       DType dtype) {
  return test::evaluate([&](Vars v) { return std::vector{function(v)}; },
                        {.dtype = dtype, .differentiated = false, .inputs = inputs})
      .outputs[0];
}

void check_equal(const std::function<Var(Vars)>& function, const std::vector<Tensor>& inputs,
                 const std::vector<double>& expected, double bound = 4e-7) {
  for (const auto dtype : {DType::f32, DType::f64})
    BOOST_TEST(test::within(of(function, inputs, dtype), expected, bound));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(group_norm_test)

// One sample of four channels in two groups: (1, 3) is normalized to (-1, 1) by a variance of 1, (0, 4) to the
// same by one of 4.
BOOST_AUTO_TEST_CASE(groups_worked_by_hand) {
  const std::vector inputs{Tensor::of<float>({1, 4}, {1, 3, 0, 4}), Tensor::of<float>({4}, {1, 2, 3, 4}),
                           Tensor::of<float>({4}, {0, 0, 1, 1})};
  check_equal([](Vars v) { return group_norm(v[0], 2, {}, {}, 0.0); }, inputs, {-1, 1, -1, 1});
  check_equal([](Vars v) { return group_norm(v[0], 2, v[1], v[2], 0.0); }, inputs, {-1, 2, -2, 5});
  // 3 beside a variance of 1 halves the values.
  check_equal([](Vars v) { return group_norm(slice(v[0], 1, 0, 2), 1, {}, {}, 3.0); }, inputs, {-0.5, 0.5});
}

// A channel of a sample by itself.
BOOST_AUTO_TEST_CASE(instances_worked_by_hand) {
  const std::vector inputs{Tensor::of<float>({2, 2, 2}, {1, 3, 0, 4, 5, 5, 2, -2}),
                           Tensor::of<float>({2}, {1, 2}), Tensor::of<float>({2}, {0, 1})};
  check_equal([](Vars v) { return instance_norm(v[0], {}, {}, 1e-12); }, inputs, {-1, 1, -1, 1, 0, 0, 1, -1});
  check_equal([](Vars v) { return instance_norm(v[0], v[1], v[2], 1e-12); }, inputs,
              {-1, 1, -1, 3, 0, 0, 3, -1});
}

// (3, 4) has a mean square of 12.5.
BOOST_AUTO_TEST_CASE(root_mean_squares_worked_by_hand) {
  const std::vector inputs{Tensor::of<float>({2, 2}, {3, 4, 0, 0}), Tensor::of<float>({2}, {1, 10})};
  const double root = std::sqrt(12.5);
  check_equal([](Vars v) { return rms_norm(v[0]); }, inputs, {3 / root, 4 / root, 0, 0});
  check_equal([](Vars v) { return rms_norm(v[0], v[1], 12.5); }, inputs, {3.0 / 5, 8, 0, 0}, 2e-6);
}

// The machine epsilon of the element type counts where the values are as small.
BOOST_AUTO_TEST_CASE(the_epsilon_of_root_mean_squares_is_that_of_the_element_type) {
  const std::vector inputs{Tensor::of<float>({1, 1}, {0x1p-12F})};
  const auto norm = [](Vars v) { return rms_norm(v[0]); };
  BOOST_TEST(test::within(of(norm, inputs, DType::f32), std::vector{1 / std::sqrt(3.0)}, 1e-6));
  BOOST_TEST(test::within(of(norm, inputs, DType::f64), std::vector{1.0}, 1e-6));
}

BOOST_AUTO_TEST_CASE(one_group_of_all_channels_is_layer_norm) {
  const std::vector inputs{random_tensor({3, 8}, 1, 2.0, 5.0), random_tensor({8}, 2), random_tensor({8}, 3)};
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto grouped = of([](Vars v) { return group_norm(v[0], 1, v[1], v[2]); }, inputs, dtype);
    const auto layered = of([](Vars v) { return layer_norm(v[0], v[1], v[2]); }, inputs, dtype);
    BOOST_TEST(test::within(grouped, layered, 2e-6));
  }
}

// Images that come from a convolution lie with their channels last.
BOOST_AUTO_TEST_CASE(the_format_of_the_images_does_not_matter) {
  const std::vector inputs{random_tensor({2, 6, 3, 5}, 1), random_tensor({6}, 2), random_tensor({6}, 3)};
  const auto row_major = of([](Vars v) { return group_norm(v[0], 3, v[1], v[2]); }, inputs, DType::f32);
  const auto channels_last = of(
      [](Vars v) { return group_norm(max_pool2d(v[0], {.kernel = 1}), 3, v[1], v[2]); }, inputs, DType::f32);
  BOOST_TEST(row_major == channels_last, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(their_derivatives_agree_with_differences) {
  check_gradients("group_norm", [](Vars v) { return group_norm(v[0], 2, v[1], v[2], 1e-3); },
                  {{2, 4, 3}, {4}, {4}});
  check_gradients("group_norm of images", [](Vars v) { return group_norm(v[0], 2, {}, {}, 1e-3); },
                  {{2, 4, 2, 2}});
  check_gradients("instance_norm", [](Vars v) { return instance_norm(v[0], v[1], v[2], 1e-3); },
                  {{2, 3, 4}, {3}, {3}});
  check_gradients("rms_norm", [](Vars v) { return rms_norm(v[0], v[1], 1e-3); }, {{3, 4}, {4}});
  check_gradients("batch_norm of (N, C, L)",
                  [](Vars v) { return batch_norm_training(v[0], v[1], v[2], 1e-3).dst; },
                  {{3, 2, 4}, {2}, {2}});
  check_gradients("batch_norm of (N, C, D, H, W)",
                  [](Vars v) { return batch_norm_training(v[0], v[1], v[2], 1e-3).dst; },
                  {{2, 2, 2, 1, 2}, {2}, {2}});
}

// Axes behind the features are as good as pixels.
BOOST_AUTO_TEST_CASE(batch_norm_of_more_axes_is_that_of_images) {
  const std::vector tensors{random_tensor({3, 5, 2, 6}, 1, 2.0, 3.0), random_tensor({5}, 2),
                            random_tensor({5}, 3)};
  const auto by_shape = [&](std::vector<std::int64_t> extents, DType dtype, bool given) {
    return test::evaluate(
        [&](Vars v) {
          const Var src = reshape(v[0], extents);
          const Var dst = given ? batch_norm_inference(src, v[1], v[2], v[1], square(v[2]))
                                : batch_norm_training(src, v[1], v[2]).dst;
          return std::vector{dst};
        },
        {.dtype = dtype, .fused = true, .inputs = tensors});
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const bool given : {false, true}) {
      const auto images = by_shape({3, 5, 2, 6}, dtype, given);
      for (const std::vector<std::int64_t>& extents :
           {std::vector<std::int64_t>{3, 5, 12}, {3, 5, 2, 3, 2}}) {
        const auto others = by_shape(extents, dtype, given);
        BOOST_TEST(others.outputs[0] == images.outputs[0], boost::test_tools::per_element());
        for (std::size_t i = 0; i < 3; ++i)
          BOOST_TEST(others.gradients[i] == images.gradients[i], boost::test_tools::per_element());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_batch_of_nothing_stays_one) {
  for (const auto& shape : {Shape{0, 4}, Shape{0, 4, 3, 3}}) {
    const auto result = test::evaluate([](Vars v) { return std::vector{group_norm(v[0], 2, v[1], v[1])}; },
                                       {.inputs = {Tensor{shape}, random_tensor({4}, 2)}});
    BOOST_TEST(result.outputs[0].empty());
    BOOST_TEST(result.gradients[1] == std::vector<double>(4, 0.0), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(what_they_cannot_take_is_refused_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 6});
  const Var six = tape.input(Shape{6});
  const Var four = tape.input(Shape{4});
  const std::string line = "group_norm_test.cpp:" + std::to_string(__LINE__ + 1);
  BOOST_TEST(test::throws_with<ShapeError>(
      [&] { group_norm(src, 4); },
      {"group_norm(f32 (2, 6)) at " + line, "6 channels can't be divided into 4 equal groups"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { group_norm(src, 0); }, {"0 equal groups"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { group_norm(src, 6); }, {"only one value"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { instance_norm(src); }, {"instance_norm", "only one value"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { instance_norm(six); }, {"2 axes (N, C) or more, not 1"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { group_norm(src, 2, four, six); },
                                           {"gamma must be (6)", "not f32 (4)"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { group_norm(src, 2, six); }, {"both gamma and beta"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { group_norm(src, 2, six, six, -1.0); }, {"epsilon"}));
  BOOST_TEST(test::throws_with<ShapeError>(
      [&] { rms_norm(src, four); }, {"rms_norm(f32 (2, 6)) at group_norm_test", "f32 (6)", "f32 (4)"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { rms_norm(src, six, -1.0); }, {"epsilon", "not -1"}));
}

BOOST_AUTO_TEST_SUITE_END()
