#include "keel/ops/pooling.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/onednn.hpp"
#include "keel/runtime/rng.hpp"

namespace {

using namespace keel;
using test::throws_with;

using Vars = std::span<const Var>;

test::Function largest(const Pool2dOptions& options) {
  return [options](Vars v) { return std::vector{max_pool2d(v[0], options)}; };
}

test::Function average(const Pool2dOptions& options) {
  return [options](Vars v) { return std::vector{average_pool2d(v[0], options)}; };
}

struct Case {
  Shape src;
  Pool2dOptions options;
};

const std::vector<Case> cases{
    {{8, 1, 28, 28}, {2}},        {{3, 3, 9, 7}, {2}},          {{2, 16, 14, 14}, {2}},
    {{2, 20, 7, 9}, {3, 2, 1}},   {{2, 16, 13, 11}, {3, 1, 1}}, {{2, 3, 8, 8}, {{2, 3}, {2, 1}, {1, 0}}},
    {{4, 20, 7, 5}, {{7, 5}}},    {{3, 16, 6, 6}, {1}},         {{2, 1, 5, 5}, {2, 3}},
    {{1, 2, 20, 20}, {17, 3, 8}},  // more elements than a byte can count
    {{5, 7, 1, 1}, {1}},
};

std::string to_string(const Case& of) {
  return keel::to_string(of.src) + ", kernel " + std::to_string(of.options.kernel.height);
}

// Whole numbers from 0 to 2: most windows hold their maximum more than once.
Tensor with_ties(const Shape& shape) {
  Rng rng{3};
  Tensor tensor{shape};
  for (auto& value : tensor.data<float>()) value = static_cast<float>(rng.below(3));
  return tensor;
}

const Tensor three_by_four =
    Tensor::of<float>({1, 1, 3, 4}, {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12});

}  // namespace

BOOST_AUTO_TEST_SUITE(pooling_test)

BOOST_AUTO_TEST_CASE(a_small_image_worked_by_hand) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto dst = [&](const test::Function& function) {
      return test::evaluate(function, {.dtype = dtype, .differentiated = false, .inputs = {three_by_four}})
          .outputs[0];
    };
    using Values = std::vector<double>;
    BOOST_TEST(dst(largest({2})) == (Values{-1, -3}), boost::test_tools::per_element());
    BOOST_TEST(dst(average({2})) == (Values{-3.5, -5.5}), boost::test_tools::per_element());
    // Padding is nothing to the maximum, zeros to the average.
    const Pool2dOptions padded{.kernel = 2, .stride = {2, 3}, .padding = 1};
    BOOST_TEST(dst(largest(padded)) == (Values{-1, -3, -5, -7}), boost::test_tools::per_element());
    BOOST_TEST(dst(average(padded)) == (Values{-0.25, -1.75, -3.5, -9.5}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(max_pooling_and_its_gradient_agree_with_the_reference_on_ties_too) {
  for (const auto& of : cases) {
    // No pixel is in more windows than its kernel has places; the maxima themselves are exact.
    const auto windows = of.options.kernel.height * of.options.kernel.width;
    for (const auto& src : {with_ties(of.src), test::random_tensor(of.src, 1, 1.0, 10.0)}) {
      const std::vector inputs{src};
      BOOST_TEST_CONTEXT(to_string(of)) {
        const auto dst = [&](DType dtype) {
          return test::evaluate(largest(of.options), {.dtype = dtype, .inputs = inputs}).outputs[0];
        };
        BOOST_TEST((dst(DType::f32) == dst(DType::f64)));
        test::check_sums_of_products(largest(of.options), inputs, windows);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_gradient_goes_to_the_first_largest_element) {
  for (const std::int64_t channels : {1, 3, 16, 20}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      const Tensor flat{Shape{1, channels, 4, 4}};
      const auto result = test::evaluate(largest({2}), {.dtype = dtype, .inputs = {flat}});
      const auto upstream = test::values(test::upstream_gradient(Shape{1, channels, 2, 2}));
      std::vector<double> expected(static_cast<std::size_t>(channels * 16));
      for (std::size_t i = 0; i < upstream.size(); ++i) {
        const std::size_t row = i / 2 % 2;
        const std::size_t column = i % 2;
        expected[i / 4 * 16 + row * 8 + column * 2] = upstream[i];
      }
      BOOST_TEST(result.gradients[0] == expected, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(average_pooling_and_its_gradient_agree_with_the_reference) {
  for (const auto& of : cases) {
    const auto terms = of.options.kernel.height * of.options.kernel.width + 1;
    BOOST_TEST_CONTEXT(to_string(of))
    test::check_sums_of_products(average(of.options), {test::random_tensor(of.src, 1)}, terms);
  }
}

BOOST_AUTO_TEST_CASE(a_kernel_of_one_pixel_passes_images_on_exactly) {
  for (const auto& shape : {Shape{2, 3, 5, 4}, Shape{3, 16, 2, 2}, Shape{2, 1, 3, 3}}) {
    const Tensor src = test::random_tensor(shape, 1);
    for (const auto& function : {largest({1}), average({1})}) {
      const auto result = test::evaluate(function, {.inputs = {src}});
      BOOST_TEST(result.outputs[0] == test::values(src), boost::test_tools::per_element());
      BOOST_TEST(result.gradients[0] == test::values(test::upstream_gradient(shape)),
                 boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_largest_of_a_window_with_nan_is_nan_and_infinities_are_numbers) {
  using Limits = std::numeric_limits<float>;
  for (const std::int64_t channels : {1, 3, 4, 7, 16, 20}) {
    for (const float unusual : {Limits::quiet_NaN(), -Limits::infinity(), Limits::infinity()}) {
      // One such element beside ones, in every place of the window in turn, and in the last channel all four.
      Tensor src{Shape{1, channels, 2, 2}};
      const auto x = src.data<float>();
      std::ranges::fill(x, 1.0F);
      for (std::size_t i = 0; i < x.size(); i += 4) x[i + i / 4 % 4] = unusual;
      std::ranges::fill(x.last(4), unusual);
      const auto single = test::evaluate(largest({2}), {.inputs = {src}});
      const auto wide = test::evaluate(largest({2}), {.dtype = DType::f64, .inputs = {src}});
      const auto expected = [&](std::size_t channel) {
        const bool is_last = channel + 1 == static_cast<std::size_t>(channels);
        return unusual < 0 && !is_last ? 1.0 : static_cast<double>(unusual);
      };
      for (std::size_t c = 0; c < single.outputs[0].size(); ++c) {
        for (const double value : {single.outputs[0][c], wide.outputs[0][c]})
          BOOST_TEST((std::isnan(expected(c)) ? std::isnan(value) : value == expected(c)));
      }
      BOOST_TEST(single.gradients[0] == wide.gradients[0], boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_nan_comes_out_of_every_window_that_it_is_in) {
  for (const auto& of : cases) {
    for (const auto& function : {largest(of.options), average(of.options)}) {
      Tensor src = test::random_tensor(of.src, 1);
      const auto x = src.data<float>();
      for (std::size_t i = 0; i < x.size(); i += 7) x[i] = std::numeric_limits<float>::quiet_NaN();
      const auto single = test::evaluate(function, {.differentiated = false, .inputs = {src}}).outputs[0];
      const auto wide =
          test::evaluate(function, {.dtype = DType::f64, .differentiated = false, .inputs = {src}})
              .outputs[0];
      std::size_t differing = 0;
      for (std::size_t i = 0; i < wide.size(); ++i)
        differing += std::isnan(single[i]) == std::isnan(wide[i]) ? 0 : 1;
      BOOST_TEST(differing == 0, to_string(of));
    }
  }
}

// Of equal values the errors all go the same way.
BOOST_AUTO_TEST_CASE(means_of_large_windows_do_not_drift) {
  struct Large {
    Shape src;
    Pool2dOptions options;
  };
  const std::vector<Large> large{{{1, 3, 128, 130}, {.kernel = {128, 130}}},
                                 {{2, 20, 23, 23}, {.kernel = 23}},
                                 {{1, 65, 40, 41}, {.kernel = {30, 31}, .stride = 1, .padding = {3, 4}}},
                                 {{1, 1, 700, 512}, {.kernel = {700, 512}}}};
  for (const auto& of : large) {
    for (const float value : {0.1F, 0.3F, 1.1F}) {
      Tensor src{of.src};
      std::ranges::fill(src.data<float>(), value);
      const auto terms = of.options.kernel.height * of.options.kernel.width;
      BOOST_TEST_CONTEXT(keel::to_string(of.src) << " of " << value)
      test::check_sums_of_products(average(of.options), {src}, std::min<std::int64_t>(terms, 512));
    }
    BOOST_TEST_CONTEXT(keel::to_string(of.src))
    test::check_sums_of_products(average(of.options), {test::random_tensor(of.src, 1, 1.0, 100.0)}, 512);
  }
}

// Of images with their channels last; row-major ones of few channels would get oneDNN's plain C++.
BOOST_AUTO_TEST_CASE(averages_run_compiled_kernels) {
  const auto instructions = onednn::instruction_set();
  if (instructions == "sse41" || instructions == "avx") return;
  for (const auto& of : cases) {
    const auto result = test::evaluate(average(of.options), {.inputs = {test::random_tensor(of.src, 1)}});
    for (std::size_t i = 0; i < result.steps.size(); ++i) {
      if (result.steps[i].find("pool2d") == std::string::npos) continue;
      BOOST_TEST(result.implementations[i].starts_with("jit"),
                 to_string(of) << ", " << result.steps[i] << ": " << result.implementations[i]);
    }
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3, 8, 6});
  const std::string line = "pooling_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { max_pool2d(src, {9}); };
  BOOST_TEST(throws_with<ShapeError>(
      call, {"max_pool2d(f32 (2, 3, 8, 6))", line,
             "the kernel (9, 9) is larger than the image (8, 6) with padding (0, 0) on every side"}));
  const auto fails = [&](const Var& image, const Pool2dOptions& options, const char* text) {
    BOOST_TEST(throws_with<ShapeError>([&] { max_pool2d(image, options); }, {"max_pool2d(", text}));
    BOOST_TEST(throws_with<ShapeError>([&] { average_pool2d(image, options); }, {"average_pool2d(", text}));
  };
  fails(src, {2, 0}, "stride must be from 1 to 2^30, not (0, 0)");
  fails(src, {0}, "kernel must be from 1 to 2^30, not (0, 0)");
  fails(src, {2, 2, -1}, "padding must be from 0 to 2^30, not (-1, -1)");
  fails(src, {3, 1, 2}, "padding (2, 2) must be at most half the kernel (3, 3)");
  fails(tape.input(Shape{8, 6}), {2}, "src must have 4 axes, not 2");
  fails(tape.input(Shape{2, 3, 8, 6}, DType::s32), {2}, "f32 or f64, not s32");
}

BOOST_AUTO_TEST_SUITE_END()
