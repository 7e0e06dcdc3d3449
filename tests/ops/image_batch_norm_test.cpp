// Batch norm of images: statistics over samples, rows and columns, in either memory format.

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::throws_with;
using test::unit_roundoff;

using Vars = std::span<const Var>;
using Values = std::vector<double>;

// Pooling by a single pixel leaves images as they are, but with their channels last.
constexpr Pool2dOptions one_pixel{.kernel = 1};

std::vector<Var> in_row_major(Vars v) {
  const auto [dst, mean, variance] = batch_norm_training(v[0], v[1], v[2]);
  return {dst, mean, variance};
}

std::vector<Var> in_channels_last(Vars v) {
  const auto [dst, mean, variance] = batch_norm_training(max_pool2d(v[0], one_pixel), v[1], v[2]);
  return {max_pool2d(dst, one_pixel), mean, variance};
}

std::vector<Var> given_in_row_major(Vars v) {
  return {batch_norm_inference(v[0], v[1], v[2], v[3], v[4])};
}

std::vector<Var> given_in_channels_last(Vars v) {
  return {max_pool2d(batch_norm_inference(max_pool2d(v[0], one_pixel), v[1], v[2], v[3], v[4]), one_pixel)};
}

std::vector<Tensor> inputs_of(const Shape& shape) {
  const Shape features{shape[1]};
  return {random_tensor(shape, 1, 2.0, 3.0), random_tensor(features, 2), random_tensor(features, 3)};
}

// Of src, gamma, beta and the gradient of dst.
std::vector<Var> with_gradients(Vars v) {
  const auto [dst, mean, variance] = batch_norm_training(v[0], v[1], v[2]);
  const auto grads = gradients(std::array{dst}, std::array{v[3]}, v.first(3));
  return {dst, mean, variance, grads[0], grads[1], grads[2]};
}

// The elements of images (N, C, H, W) in the order (N, H, W, C), that of a batch of pixels, and back.
Values by_pixel(const Values& images, const Shape& shape) {
  const auto channels = static_cast<std::size_t>(shape[1]);
  const auto pixels = static_cast<std::size_t>(shape[2] * shape[3]);
  Values result(images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto n = i / (channels * pixels);
    const auto c = i / pixels % channels;
    result[(n * pixels + i % pixels) * channels + c] = images[i];
  }
  return result;
}

Shape pixels_of(const Shape& shape) {
  return {shape[0] * shape[2] * shape[3], shape[1]};
}

Tensor tensor_of(const Shape& shape, const Values& values) {
  Tensor tensor{shape};
  std::ranges::transform(values, tensor.data<float>().begin(),
                         [](double value) { return static_cast<float>(value); });
  return tensor;
}

// What a batch of the images' pixels is to come out with.
test::BatchNormCase case_of(const std::vector<Tensor>& inputs) {
  const auto& shape = inputs[0].shape();
  return {.src = tensor_of(pixels_of(shape), by_pixel(test::values(inputs[0]), shape)),
          .gamma = inputs[1],
          .beta = inputs[2],
          .upstream = by_pixel(test::values(test::upstream_gradient(shape)), shape)};
}

const std::vector<Shape> shapes{{2, 16, 5, 7}, {3, 20, 4, 4}, {4, 3, 9, 6}, {2, 1, 3, 3},    {1, 16, 2, 1},
                                {8, 7, 1, 1},  {5, 16, 1, 1}, {1, 1, 1, 2}, {3, 32, 14, 14}, {2, 64, 7, 5}};

}  // namespace

BOOST_AUTO_TEST_SUITE(image_batch_norm_test)

// First channel: 1 2 3 4 and 5 6 7 8, mean 4.5, variance 5.25; second: 0 or 10, mean 5, variance 25.
BOOST_AUTO_TEST_CASE(two_images_of_two_channels_worked_by_hand) {
  const std::vector inputs{
      Tensor::of<float>({2, 2, 2, 2}, {1, 2, 3, 4, 0, 10, 10, 0, 5, 6, 7, 8, 10, 0, 0, 10}),
      Tensor::of<float>({2}, {2, -1}), Tensor::of<float>({2}, {0.5, 1})};
  const double a = 1 / std::sqrt(5.25 + 1e-5);
  const double b = 5 / std::sqrt(25 + 1e-5);
  Values expected;
  for (const double sign : {-1.0, 1.0}) {
    for (const double steps : {-1.5, -0.5, 0.5, 1.5}) expected.push_back(0.5 + 2 * a * (2 * sign + steps));
    for (const double side : {-sign, sign, sign, -sign}) expected.push_back(1 + b * side);
  }
  for (const auto& function : {in_row_major, in_channels_last}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      const auto result =
          test::evaluate(function, {.dtype = dtype, .differentiated = false, .inputs = inputs});
      const double unit = dtype == DType::f32 ? unit_roundoff : 0x1p-53;
      BOOST_TEST(test::within(result.outputs[0], expected, 64 * unit));
      BOOST_TEST(test::within(result.outputs[1], Values{4.5, 5}, 16 * unit));
      BOOST_TEST(test::within(result.outputs[2], Values{5.25, 25}, 128 * unit));
    }
  }
}

BOOST_AUTO_TEST_CASE(images_are_batches_of_pixels_to_the_last_bit_in_the_reference) {
  for (const auto& shape : shapes) {
    const auto inputs = inputs_of(shape);
    const auto pixels = case_of(inputs);
    const auto results = [](std::vector<Tensor> of, const Tensor& upstream) {
      of.push_back(upstream);
      return test::evaluate(with_gradients, {.dtype = DType::f64, .differentiated = false, .inputs = of})
          .outputs;
    };
    const auto images = results(inputs, test::upstream_gradient(shape));
    const auto batch =
        results({pixels.src, pixels.gamma, pixels.beta}, tensor_of(pixels.src.shape(), pixels.upstream));
    BOOST_TEST_CONTEXT(to_string(shape)) {
      for (std::size_t i = 0; i < images.size(); ++i) {
        const bool is_image = images[i].size() > batch[1].size();
        BOOST_TEST((is_image ? by_pixel(images[i], shape) : images[i]) == batch[i],
                   boost::test_tools::per_element());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(training_and_its_gradients_agree_with_the_reference_in_both_formats) {
  for (const auto& shape : shapes) {
    const auto inputs = inputs_of(shape);
    const auto bounds = test::batch_norm_bounds(case_of(inputs));
    const auto expected = test::evaluate(in_row_major, {.dtype = DType::f64, .inputs = inputs});
    for (const auto& function : {in_row_major, in_channels_last}) {
      const auto actual = test::evaluate(function, {.inputs = inputs});
      const auto agree = [&](const Values& a, const Values& b, const Values& bound) {
        return test::within(by_pixel(a, shape), by_pixel(b, shape), bound);
      };
      BOOST_TEST_CONTEXT(to_string(shape) << (function == in_row_major ? " row-major" : " channels last")) {
        BOOST_TEST(agree(actual.outputs[0], expected.outputs[0], bounds.dst));
        BOOST_TEST(test::within(actual.outputs[1], expected.outputs[1], bounds.mean));
        BOOST_TEST(test::within(actual.outputs[2], expected.outputs[2], bounds.variance));
        BOOST_TEST(agree(actual.gradients[0], expected.gradients[0], bounds.grad_src));
        BOOST_TEST(test::within(actual.gradients[1], expected.gradients[1], bounds.grad_gamma));
        BOOST_TEST(test::within(actual.gradients[2], expected.gradients[2], bounds.grad_beta));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(inference_and_its_gradients_agree_with_the_reference_in_both_formats) {
  auto with_single_pixels = shapes;
  with_single_pixels.insert(with_single_pixels.end(), {Shape{1, 16, 1, 1}, Shape{1, 3, 1, 1}});
  for (const auto& shape : with_single_pixels) {
    auto inputs = inputs_of(shape);
    Tensor variance = random_tensor({shape[1]}, 5);
    for (auto& value : variance.data<float>()) value = 0.1F + value * value;
    auto of = case_of(inputs);
    of.mean = random_tensor({shape[1]}, 4);
    of.variance = variance;
    inputs.insert(inputs.end(), {of.mean, of.variance});
    const auto bounds = test::batch_norm_bounds(of);
    const auto expected =
        test::evaluate(given_in_row_major, {.dtype = DType::f64, .inputs = inputs, .frozen = {3, 4}});
    for (const auto& function : {given_in_row_major, given_in_channels_last}) {
      const auto actual = test::evaluate(function, {.inputs = inputs, .frozen = {3, 4}});
      BOOST_TEST_CONTEXT(to_string(shape)) {
        BOOST_TEST(test::within(by_pixel(actual.outputs[0], shape), by_pixel(expected.outputs[0], shape),
                                bounds.dst));
        BOOST_TEST(test::within(by_pixel(actual.gradients[0], shape), by_pixel(expected.gradients[0], shape),
                                bounds.grad_src));
        BOOST_TEST(test::within(actual.gradients[1], expected.gradients[1], bounds.grad_gamma));
        BOOST_TEST(test::within(actual.gradients[2], expected.gradients[2], bounds.grad_beta));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_gradient_of_a_channel_adds_up_to_zero) {
  for (const auto& shape : shapes) {
    const auto inputs = inputs_of(shape);
    const auto channels = static_cast<std::size_t>(shape[1]);
    const auto allowed = test::batch_norm_bounds(case_of(inputs)).grad_src;
    for (const auto dtype : {DType::f32, DType::f64}) {
      const auto gradient =
          by_pixel(test::evaluate(in_channels_last, {.dtype = dtype, .inputs = inputs}).gradients[0], shape);
      Values sums(channels);
      Values bounds(channels, 1e-12);
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        sums[i % channels] += gradient[i];
        if (dtype == DType::f32) bounds[i % channels] += allowed[i];
      }
      BOOST_TEST(test::within(sums, Values(channels), bounds), to_string(shape));
    }
  }
}

// The mask of the fused ReLU takes more room in one format than in the other, and lies otherwise in it.
BOOST_AUTO_TEST_CASE(with_a_fused_relu_it_is_what_it_is_unfused_in_both_formats) {
  const auto row_major = [](Vars v) { return std::vector{relu(batch_norm_training(v[0], v[1], v[2]).dst)}; };
  const auto all_channels_last = [](Vars v) {
    const Var src = max_pool2d(v[0], one_pixel);
    return std::vector{max_pool2d(relu(batch_norm_training(src, v[1], v[2]).dst), one_pixel)};
  };
  // Here the images come row-major, and their gradient with its channels last, or the other way round.
  const auto gradient_channels_last = [](Vars v) {
    return std::vector{max_pool2d(relu(batch_norm_training(v[0], v[1], v[2]).dst), one_pixel)};
  };
  const auto gradient_row_major = [](Vars v) {
    const Var src = max_pool2d(v[0], one_pixel);
    return std::vector{relu(batch_norm_training(src, v[1], v[2]).dst)};
  };
  const std::vector<test::Function> functions{row_major, all_channels_last, gradient_channels_last,
                                              gradient_row_major};
  for (const auto& shape : shapes) {
    const auto inputs = inputs_of(shape);
    const auto bounds = test::batch_norm_bounds(case_of(inputs));
    for (std::size_t i = 0; i < functions.size(); ++i) {
      const auto unfused = test::evaluate(functions[i], {.inputs = inputs});
      const auto fused = test::evaluate(functions[i], {.fused = true, .inputs = inputs});
      BOOST_TEST_CONTEXT(to_string(shape) << ", function " << i) {
        BOOST_TEST(std::ranges::count(fused.steps, "batch_norm+relu") == 1);
        BOOST_TEST(std::ranges::count(fused.steps, "batch_norm_backward+relu_backward") == 1);
        // Both may be off by as much as the bounds, of which a masked gradient's are smaller.
        const auto agree = [&](const Values& a, const Values& b, Values bound) {
          for (auto& value : bound) value *= 2;
          return test::within(by_pixel(a, shape), by_pixel(b, shape), bound);
        };
        BOOST_TEST(agree(fused.outputs[0], unfused.outputs[0], bounds.dst));
        BOOST_TEST(agree(fused.gradients[0], unfused.gradients[0], bounds.grad_src));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(one_pixel_is_refused_in_training_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{1, 4, 1, 1});
  const Var gamma = tape.input(Shape{4});
  const std::string line = "image_batch_norm_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { batch_norm_training(src, gamma, gamma); };
  BOOST_TEST(
      throws_with<ShapeError>(call, {"batch_norm(f32 (1, 4, 1, 1)", line, "more than one sample, or pixel"}));
  BOOST_CHECK_NO_THROW(batch_norm_inference(src, gamma, gamma, gamma, gamma));
  BOOST_CHECK_NO_THROW(batch_norm_training(tape.input(Shape{1, 4, 1, 2}), gamma, gamma));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        batch_norm_training(tape.input(Shape{2, 3, 2, 2}), gamma, gamma);
      },
      {"gamma must be (3), not (4)"}));
}

BOOST_AUTO_TEST_SUITE_END()
