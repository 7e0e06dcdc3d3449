#include "keel/ops/conv2d.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/graph_support.hpp"
#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/onednn.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::random_tensors;
using test::throws_with;

using Vars = std::span<const Var>;

struct Case {
  Shape src;
  std::int64_t outputs;
  Size2d kernel;
  Conv2dOptions options = {};

  [[nodiscard]] Shape weights() const { return {outputs, src[1], kernel.height, kernel.width}; }
  [[nodiscard]] std::vector<Tensor> inputs() const { return random_tensors({src, weights(), {outputs}}); }
  // The longest of the three sums: over a kernel, over the kernels that a pixel is in, over all images.
  [[nodiscard]] std::int64_t terms() const {
    const auto area = kernel.height * kernel.width;
    return std::max({1 + src[1] * area, outputs * area, src.elements() / src[1] + 1});
  }
  [[nodiscard]] test::Function function() const {
    return [options = options](Vars v) {
      return std::vector{v.size() == 3 ? conv2d(v[0], v[1], v[2], options) : conv2d(v[0], v[1], {}, options)};
    };
  }
};

std::string to_string(const Case& of) {
  const auto text = [](const Size2d& size) { return fmt::format(" {}x{}", size.height, size.width); };
  return keel::to_string(of.src) + " to " + std::to_string(of.outputs) + ", kernel" + text(of.kernel) +
         ", stride" + text(of.options.stride) + ", padding" + text(of.options.padding);
}

const std::vector<Case> cases{
    {{8, 1, 28, 28}, 16, 3, {.padding = 1}},
    {{4, 3, 15, 17}, 20, 3, {}},
    {{4, 3, 16, 16}, 16, 5, {.stride = 2, .padding = 2}},
    {{2, 16, 14, 14}, 16, 3, {.padding = 1}},
    {{3, 16, 9, 7}, 32, 3, {.stride = 2, .padding = 1}},
    {{3, 20, 13, 11}, 20, 3, {.stride = 2, .padding = 1}},
    {{2, 20, 7, 7}, 3, 3, {.padding = 1}},
    {{1, 16, 5, 9}, 1, {3, 5}, {.stride = {2, 3}, .padding = {0, 2}}},
    {{2, 1, 1, 9}, 2, {1, 4}, {}},
    {{4, 16, 9, 7}, 20, 1, {}},
    {{4, 20, 9, 7}, 16, 1, {.stride = 2}},
    {{3, 1, 6, 6}, 1, 1, {}},
    {{5, 3, 1, 1}, 4, 1, {}},
    {{4, 16, 7, 7}, 10, 7, {}},
    {{4, 20, 5, 3}, 10, {5, 3}, {}},
    {{2, 1, 5, 5}, 1, 5, {}},
    {{2, 3, 9, 9}, 5, 2, {.stride = 3}},
    {{2, 16, 9, 9}, 16, 3, {.padding = 4}},
    {{2, 3, 4, 4}, 3, 1, {.padding = 2}},
    {{2, 3, 2, 2}, 16, 4, {.padding = 1}},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(conv2d_test)

BOOST_AUTO_TEST_CASE(a_small_image_worked_by_hand) {
  const Tensor src = Tensor::of<float>({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const Tensor weights = Tensor::of<float>({2, 1, 2, 2}, {1, 0, 0, -1, 10, 20, 30, 40});
  const Tensor bias = Tensor::of<float>({2}, {0.5, -1});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto dst = [&](Conv2dOptions options) {
      const auto function = [&](Vars v) { return std::vector{conv2d(v[0], v[1], v[2], options)}; };
      return test::evaluate(function,
                            {.dtype = dtype, .differentiated = false, .inputs = {src, weights, bias}})
          .outputs[0];
    };
    BOOST_TEST(dst({}) == (std::vector<double>{-3.5, -3.5, -3.5, -3.5, 369, 469, 669, 769}),
               boost::test_tools::per_element());
    BOOST_TEST(dst({.stride = 2, .padding = {1, 0}}) == (std::vector<double>{-1.5, -3.5, 109, 669}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(gradients_of_a_small_image_worked_by_hand) {
  const Tensor src = Tensor::of<float>({1, 1, 2, 3}, {1, 2, 4, 8, 16, 32});
  const Tensor weights = Tensor::of<float>({1, 1, 2, 2}, {1, 10, 100, 1000});
  const auto upstream = test::values(test::upstream_gradient({1, 1, 1, 2}));
  const double a = upstream[0];
  const double b = upstream[1];
  const auto result =
      test::evaluate([](Vars v) { return std::vector{conv2d(v[0], v[1], v[2])}; },
                     {.dtype = DType::f64, .inputs = {src, weights, Tensor::of<float>({1}, {3})}});
  const double tiny = 1e-12;
  BOOST_TEST(test::within(result.gradients[0],
                          std::vector{a, 10 * a + b, 10 * b, 100 * a, 1000 * a + 100 * b, 1000 * b}, tiny));
  BOOST_TEST(test::within(result.gradients[1],
                          std::vector{a + 2 * b, 2 * a + 4 * b, 8 * a + 16 * b, 16 * a + 32 * b}, tiny));
  BOOST_TEST(test::within(result.gradients[2], std::vector{a + b}, tiny));
}

BOOST_AUTO_TEST_CASE(it_and_its_gradients_agree_with_the_reference) {
  for (const auto& of : cases) {
    auto inputs = of.inputs();
    BOOST_TEST_CONTEXT(to_string(of)) {
      test::check_sums_of_products(of.function(), inputs, of.terms());
      inputs.pop_back();
      test::check_sums_of_products(of.function(), inputs, of.terms());
    }
  }
}

// In row-major formats, or with row-major weights, it would be oneDNN's plain C++, a hundred times slower.
BOOST_AUTO_TEST_CASE(it_runs_compiled_kernels) {
  const auto instructions = onednn::instruction_set();
  const bool compiles = instructions != "sse41" && instructions != "avx";
  for (const auto& of : cases) {
    const auto result = test::evaluate(of.function(), {.inputs = of.inputs()});
    for (std::size_t i = 0; i < result.steps.size(); ++i) {
      if (!result.steps[i].starts_with("conv2d")) continue;
      const auto& implementation = result.implementations[i];
      BOOST_TEST_MESSAGE(to_string(of) << ", " << result.steps[i] << ": " << implementation);
      if (!compiles) continue;
      BOOST_TEST(!implementation.starts_with("ref"),
                 to_string(of) << ", " << result.steps[i] << ": " << implementation);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_kernel_of_the_image_s_size_is_a_linear_layer) {
  const Case of{{4, 3, 5, 2}, 6, {5, 2}};
  const auto image = of.inputs();
  std::vector<Tensor> flat;
  for (const auto& [tensor, shape] :
       {std::pair{image[0], Shape{4, 30}}, std::pair{image[1], Shape{6, 30}}, std::pair{image[2], Shape{6}}})
    flat.push_back(Tensor::of<float>(shape, std::span<const float>{tensor.data<float>()}));
  const auto upstream = [](const test::Function& function, const std::vector<Tensor>& inputs) {
    return test::evaluate(function, {.dtype = DType::f64, .inputs = inputs});
  };
  const auto convolved = upstream(of.function(), image);
  const auto linear_layer = upstream([](Vars v) { return std::vector{linear(v[0], v[1], v[2])}; }, flat);
  BOOST_TEST(convolved.outputs[0] == linear_layer.outputs[0], boost::test_tools::per_element());
  for (std::size_t i = 0; i < 3; ++i)
    BOOST_TEST(test::within(convolved.gradients[i], linear_layer.gradients[i], 1e-12));
}

BOOST_AUTO_TEST_CASE(only_the_gradients_asked_for_are_computed) {
  const Case of{{2, 3, 5, 5}, 4, 3};
  const auto steps = [&](std::vector<std::size_t> frozen) {
    return test::evaluate(of.function(), {.dtype = DType::f64, .inputs = of.inputs(), .frozen = frozen})
        .steps;
  };
  using Steps = std::vector<std::string>;
  BOOST_TEST(steps({0}) == (Steps{"conv2d", "conv2d_backward_weights"}), boost::test_tools::per_element());
  BOOST_TEST(steps({0, 1}) == (Steps{"conv2d", "conv2d_backward_weights"}), boost::test_tools::per_element());
  BOOST_TEST(steps({1, 2}) == (Steps{"conv2d", "conv2d_backward_data"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(its_cost_counts_the_products_of_all_three_directions) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3, 9, 8});
  const Var weights = tape.input(Shape{5, 3, 3, 2});
  const Var dst = conv2d(src, weights, {}, {.stride = 2});
  BOOST_TEST((dst.shape() == Shape{2, 5, 4, 4}));
  const double products = 2.0 * (2 * 5 * 4 * 4) * (3 * 3 * 2);
  const std::vector images{src.type(), weights.type(), dst.type()};
  const auto flops = [&](const Operator& op, std::size_t a, std::size_t b, std::size_t result) {
    return op.cost(std::array{images[a], images[b]}, std::array{images[result]}).flops;
  };
  const auto grads = gradients(std::span{&dst, 1}, std::span{&dst, 1}, std::array{src, weights});
  BOOST_TEST(flops(*testing::operator_of(dst), 0, 1, 2) == products);
  BOOST_TEST(flops(*testing::operator_of(grads[0]), 2, 1, 0) == products);
  BOOST_TEST(flops(*testing::operator_of(grads[1]), 0, 2, 1) == products);
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3, 8, 6});
  const Var weights = tape.input(Shape{4, 3, 3, 3});
  const std::string line = "conv2d_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { conv2d(src, tape.input(Shape{4, 5, 3, 3})); };
  BOOST_TEST(
      throws_with<ShapeError>(call, {"conv2d(f32 (2, 3, 8, 6), f32 (4, 5, 3, 3))", line,
                                     "src has 3 channels, weights (out, in, height, width) expect 5"}));
  const auto fails = [&](const Var& kernel, const Var& bias, Conv2dOptions options, const char* text) {
    BOOST_TEST(throws_with<ShapeError>([&] { conv2d(src, kernel, bias, options); }, {text}));
  };
  fails(weights, tape.input(Shape{3}), {}, "bias must be (4), one for each output channel, not (3)");
  fails(tape.input(Shape{4, 3, 3, 9}), {}, {.padding = 1},
        "the kernel (3, 9) is larger than the image (8, 6) with padding (1, 1) on every side");
  fails(weights, {}, {.stride = {1, 0}}, "stride must be from 1 to 2^30, not (1, 0)");
  fails(weights, {}, {.stride = -1}, "stride must be from 1 to 2^30, not (-1, -1)");
  fails(weights, {}, {.padding = {-1, 0}}, "padding must be from 0 to 2^30, not (-1, 0)");
  fails(weights, {}, {.padding = std::int64_t{1} << 62}, "padding must be from 0 to 2^30");
  fails(tape.input(Shape{3, 3}), {}, {}, "weights must have 4 axes");
  fails(tape.input(Shape{4, 3, 3, 3}, DType::f64), {}, {}, "f32 and f64");
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        conv2d(tape.input(Shape{3, 8, 6}), weights);
      },
      {"src must have 4 axes, not 3"}));
}

BOOST_AUTO_TEST_SUITE_END()
