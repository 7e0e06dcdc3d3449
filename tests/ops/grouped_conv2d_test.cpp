// Convolution with groups and dilation, and transposed convolution.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/conv_transpose2d.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::throws_with;
using Vars = std::span<const Var>;

std::vector<double> of(const std::function<Var(Vars)>& function, const std::vector<Tensor>& inputs,
                       DType dtype) {
  return test::evaluate([&](Vars v) { return std::vector{function(v)}; },
                        {.dtype = dtype, .differentiated = false, .inputs = inputs})
      .outputs[0];
}

void check_equal(const std::function<Var(Vars)>& function, const std::vector<Tensor>& inputs,
                 const std::vector<double>& expected) {
  for (const auto dtype : {DType::f32, DType::f64})
    BOOST_TEST(of(function, inputs, dtype) == expected, boost::test_tools::per_element());
}

void check_gradients(const std::string& name, const std::function<Var(Vars)>& function,
                     const std::vector<Shape>& shapes) {
  for (const int order : {1, 2}) {
    const auto report = gradcheck(function, shapes, {.order = order, .f32 = GradcheckF32::required});
    BOOST_TEST(report.ok, name << ", order " << order << ": " << report.text);
  }
}

// What groups are by definition: convolutions of their own, side by side.
Var group_by_group(Vars v, const Conv2dOptions& options) {
  const auto inputs = v[1].shape()[1];
  const auto outputs = v[1].shape()[0] / options.groups;
  auto one = options;
  one.groups = 1;
  std::vector<Var> parts;
  for (std::int64_t g = 0; g < options.groups; ++g) {
    parts.push_back(conv2d(slice(v[0], 1, g * inputs, (g + 1) * inputs),
                           slice(v[1], 0, g * outputs, (g + 1) * outputs),
                           slice(v[2], 0, g * outputs, (g + 1) * outputs), one));
  }
  return concatenate(parts, 1);
}

struct Case {
  Shape src;
  std::int64_t outputs;
  Size2d kernel;
  Conv2dOptions options;

  [[nodiscard]] Shape weights() const {
    return {outputs, src[1] / options.groups, kernel.height, kernel.width};
  }
  [[nodiscard]] std::vector<Tensor> inputs() const {
    return test::random_tensors({src, weights(), {outputs}});
  }
  [[nodiscard]] std::int64_t terms() const {
    const auto area = kernel.height * kernel.width;
    return std::max({1 + src[1] * area, outputs * area, src.elements() / src[1] + 1});
  }
};

// Depthwise, depthwise with a multiplier, and groups of several channels, of whole vectors and not.
const std::vector<Case> cases{
    {{2, 4, 5, 6}, 4, 3, {.padding = 1, .groups = 4}},
    {{2, 4, 5, 6}, 8, {3, 2}, {.stride = 2, .groups = 4}},
    {{3, 16, 9, 9}, 16, 3, {.padding = 1, .groups = 16}},
    {{2, 32, 8, 8}, 32, 3, {.stride = 2, .padding = 1, .groups = 32}},
    {{2, 33, 7, 7}, 33, 5, {.padding = 2, .groups = 33}},
    {{2, 6, 7, 5}, 9, 3, {.padding = 1, .groups = 3}},
    {{2, 32, 7, 5}, 64, 3, {.padding = 1, .groups = 2}},
    {{2, 6, 7, 5}, 4, 1, {.groups = 2}},
    {{2, 6, 9, 9}, 4, 1, {.stride = 2, .groups = 2}},
    {{2, 5, 9, 8}, 7, 3, {.dilation = 2}},
    {{2, 5, 9, 8}, 7, {2, 3}, {.stride = {2, 1}, .padding = {0, 3}, .dilation = {3, 2}}},
    {{2, 16, 12, 12}, 16, 3, {.padding = 2, .dilation = 2}},
    {{2, 8, 12, 12}, 8, 3, {.padding = 3, .dilation = 3, .groups = 8}},
    {{8, 8, 28, 28}, 8, 3, {.padding = 1, .groups = 8}},  // whose weight gradient comes in parts
    {{1, 4, 64, 64}, 4, 3, {.padding = 2, .dilation = 2}},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(grouped_conv2d_test)

BOOST_AUTO_TEST_CASE(dilation_and_groups_worked_by_hand) {
  const std::vector row{Tensor::of<float>({1, 1, 1, 5}, {1, 2, 3, 4, 5}),
                        Tensor::of<float>({1, 1, 1, 2}, {1, 10})};
  check_equal([](Vars v) { return conv2d(v[0], v[1], {}, {.dilation = 2}); }, row, {31, 42, 53});
  const std::vector channels{Tensor::of<float>({1, 2, 1, 2}, {1, 2, 3, 4}),
                             Tensor::of<float>({2, 1, 1, 1}, {10, 100})};
  check_equal([](Vars v) { return conv2d(v[0], v[1], {}, {.groups = 2}); }, channels, {10, 20, 300, 400});
  const std::vector multiplied{Tensor::of<float>({1, 2, 1, 1}, {1, 2}),
                               Tensor::of<float>({4, 1, 1, 1}, {1, 2, 3, 4})};
  check_equal([](Vars v) { return conv2d(v[0], v[1], {}, {.groups = 2}); }, multiplied, {1, 2, 6, 8});
}

BOOST_AUTO_TEST_CASE(groups_are_convolutions_side_by_side) {
  for (const auto& of : cases) {
    const auto by = [&](const std::function<Var(Vars)>& function) {
      return test::evaluate([&](Vars v) { return std::vector{function(v)}; },
                            {.dtype = DType::f64, .inputs = of.inputs()});
    };
    const auto grouped = by([&](Vars v) { return conv2d(v[0], v[1], v[2], of.options); });
    const auto apart = by([&](Vars v) { return group_by_group(v, of.options); });
    BOOST_TEST(test::within(grouped.outputs[0], apart.outputs[0], 1e-12));
    for (std::size_t i = 0; i < 3; ++i)
      BOOST_TEST(test::within(grouped.gradients[i], apart.gradients[i], 1e-11));
  }
}

BOOST_AUTO_TEST_CASE(one_dnn_agrees_with_the_reference) {
  for (const auto& of : cases) {
    BOOST_TEST_CONTEXT(to_string(of.src) << " * " << to_string(of.weights())) {
      test::check_sums_of_products([&](Vars v) { return std::vector{conv2d(v[0], v[1], v[2], of.options)}; },
                                   of.inputs(), of.terms());
    }
  }
}

BOOST_AUTO_TEST_CASE(their_derivatives_agree_with_differences) {
  const Conv2dOptions depthwise{.stride = 2, .padding = 1, .groups = 4};
  check_gradients("depthwise", [=](Vars v) { return conv2d(v[0], v[1], v[2], depthwise); },
                  {{2, 4, 4, 3}, {4, 1, 3, 2}, {4}});
  const Conv2dOptions both{.padding = 1, .dilation = 2, .groups = 2};
  check_gradients("groups and dilation", [=](Vars v) { return conv2d(v[0], v[1], v[2], both); },
                  {{2, 2, 4, 3}, {4, 1, 2, 2}, {4}});
  const ConvTranspose2dOptions plain{};
  check_gradients("transposed", [=](Vars v) { return conv_transpose2d(v[0], v[1], v[2], plain); },
                  {{2, 3, 2, 3}, {3, 2, 2, 2}, {2}});
  const ConvTranspose2dOptions all{
      .stride = {2, 3}, .padding = 1, .output_padding = {1, 2}, .dilation = 2, .groups = 2};
  check_gradients("transposed with everything",
                  [=](Vars v) { return conv_transpose2d(v[0], v[1], v[2], all); },
                  {{1, 4, 2, 3}, {4, 2, 2, 2}, {4}});
}

// Each pixel lays down its multiple of (1, 10, 100), two apart; the output padding leaves room behind.
BOOST_AUTO_TEST_CASE(a_transposed_convolution_worked_by_hand) {
  const std::vector inputs{Tensor::of<float>({1, 1, 1, 2}, {1, 2}),
                           Tensor::of<float>({1, 1, 1, 3}, {1, 10, 100}), Tensor::of<float>({1}, {1000})};
  check_equal(
      [](Vars v) {
        return conv_transpose2d(v[0], v[1], {}, {.stride = {1, 2}});
      },
      inputs, {1, 10, 102, 20, 200});
  check_equal(
      [](Vars v) {
        return conv_transpose2d(v[0], v[1], v[2], {.stride = {1, 2}, .output_padding = {0, 1}});
      },
      inputs, {1001, 1010, 1102, 1020, 1200, 1000});
  check_equal(
      [](Vars v) {
        return conv_transpose2d(v[0], v[1], {}, {.padding = {0, 1}});
      },
      inputs, {12, 120});
  check_equal(
      [](Vars v) {
        return conv_transpose2d(v[0], v[1], {}, {.dilation = {1, 2}});
      },
      inputs, {1, 2, 10, 20, 100, 200});
}

// Its groups and channels are laid out as PyTorch's: (in, out / groups, height, width).
BOOST_AUTO_TEST_CASE(transposed_groups_worked_by_hand) {
  const std::vector inputs{Tensor::of<float>({1, 2, 1, 1}, {1, 2}),
                           Tensor::of<float>({2, 2, 1, 1}, {1, 10, 100, 1000})};
  check_equal([](Vars v) { return conv_transpose2d(v[0], v[1]); }, inputs, {201, 2010});
  check_equal([](Vars v) { return conv_transpose2d(v[0], v[1], {}, {.groups = 2}); }, inputs,
              {1, 10, 200, 2000});
}

BOOST_AUTO_TEST_CASE(a_transposed_convolution_is_the_gradient_of_one) {
  const std::vector inputs{random_tensor({2, 5, 4, 3}, 1), random_tensor({5, 4, 3, 3}, 2)};
  const auto transposed = of(
      [](Vars v) {
        return conv_transpose2d(v[0], v[1], {}, {.stride = 2, .padding = 1, .output_padding = 1});
      },
      inputs, DType::f32);
  const auto gradient = of(
      [](Vars v) {
        const Var image = v[0].tape().stored(Tensor{{2, 4, 8, 6}, v[0].dtype()});
        const Var dst = conv2d(image, v[1], {}, {.stride = 2, .padding = 1});
        return gradients(std::array{dst}, v.first(1), std::array{image})[0];
      },
      inputs, DType::f32);
  BOOST_TEST(transposed == gradient, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_batch_of_nothing_has_no_gradient) {
  for (const bool transposed : {false, true}) {
    const auto result = test::evaluate(
        [=](Vars v) {
          return std::vector{transposed ? conv_transpose2d(v[0], v[1], {}, {.groups = 2})
                                        : conv2d(v[0], v[1], {}, {.groups = 2})};
        },
        {.inputs = {Tensor{{0, 4, 5, 5}}, random_tensor({4, 2, 3, 3}, 1)}});
    BOOST_TEST(result.outputs[0].empty());
    BOOST_TEST(result.gradients[1] == std::vector<double>(72, 0.0), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(what_they_cannot_take_is_refused_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 6, 5, 5});
  const Var weights = tape.input(Shape{6, 3, 3, 3});
  const Var five = tape.input(Shape{5, 3, 3, 3});
  const std::string line = "grouped_conv2d_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto three = [&] { conv2d(src, weights, {}, {.groups = 3}); };
  BOOST_TEST(
      throws_with<ShapeError>(three, {"conv2d(f32 (2, 6, 5, 5), f32 (6, 3, 3, 3)) at " + line,
                                      "src has 6 channels", "(out, in / 3 groups, height, width) expect 9"}));
  BOOST_TEST(throws_with<ShapeError>([&] { conv2d(src, five, {}, {.groups = 2}); },
                                     {"5 output channels can't be divided into 2 equal groups"}));
  BOOST_TEST(throws_with<ShapeError>([&] { conv2d(src, weights, {}, {.groups = 0}); }, {"groups", "not 0"}));
  BOOST_TEST(throws_with<ShapeError>([&] { conv2d(src, weights, {}, {.dilation = 0, .groups = 2}); },
                                     {"dilation must be from 1", "not (0, 0)"}));
  BOOST_TEST(
      throws_with<ShapeError>([&] { conv2d(src, weights, {}, {.dilation = 3, .groups = 2}); },
                              {"the kernel (3, 3), dilated to (7, 7), is larger than the image (5, 5)"}));
}

BOOST_AUTO_TEST_CASE(what_a_transposed_one_cannot_take_is_refused_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 6, 5, 5});
  const Var weights = tape.input(Shape{6, 3, 3, 3});
  const Var five = tape.input(Shape{5, 3, 3, 3});
  const auto refuses = [](const std::function<void()>& call, std::initializer_list<std::string_view> parts) {
    BOOST_TEST(throws_with<ShapeError>(call, parts));
  };
  const std::string line = "grouped_conv2d_test.cpp:" + std::to_string(__LINE__ + 1);
  refuses([&] { conv_transpose2d(src, five); },
          {"conv_transpose2d(f32 (2, 6, 5, 5), f32 (5, 3, 3, 3)) at " + line, "src has 6 channels",
           "(in, out, height, width) expect 5"});
  refuses([&] { conv_transpose2d(src, weights, {}, {.groups = 4}); }, {"6 channels can't be divided into 4"});
  refuses([&] { conv_transpose2d(src, weights, {}, {.output_padding = 1}); },
          {"output_padding (1, 1)", "below the stride (1, 1)"});
  refuses([&] { conv_transpose2d(src, weights, {}, {.padding = 4}); }, {"padding (4, 4) leaves no pixel"});
  refuses([&] { conv_transpose2d(src, weights, {}, {.stride = 0}); }, {"stride must be from 1"});
  refuses([&] { conv_transpose2d(src, weights, tape.input(Shape{6})); }, {"bias must be (3), not (6)"});
  refuses([&] { conv_transpose2d(tape.input(Shape{6, 5}), weights); }, {"src must have 4 axes"});
}

BOOST_AUTO_TEST_SUITE_END()
