#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../support/gradcheck_support.hpp"
#include "keel/keel.hpp"

// The f32 kernels are held against the f64 ones, operator by operator.

namespace {

using namespace keel;
using keel::testing::contains;
using keel::testing::custom;
using keel::testing::elementwise;
using Vars = std::span<const Var>;

// x * x in f64, and `narrow` of x in f32; its derivative is keel's own.
Var square(const Var& x, float (*narrow)(float)) {
  const auto bind = [narrow](const Binding& binding) {
    const auto count = binding.output_type(0).shape.elements();
    if (binding.output_type(0).dtype == DType::f64) {
      return Kernel{[count, src = binding.input<const double>(0), dst = binding.output<double>(0)] {
                      for (std::int64_t i = 0; i < count; ++i) dst.get()[i] = src.get()[i] * src.get()[i];
                    },
                    "loop"};
    }
    return Kernel{[count, narrow, src = binding.input<const float>(0), dst = binding.output<float>(0)] {
                    for (std::int64_t i = 0; i < count; ++i) dst.get()[i] = narrow(src.get()[i]);
                  },
                  "loop"};
  };
  const auto vjp = [](const VjpContext& context) {
    return std::vector{2.0 * context.inputs[0] * context.output_grads[0]};
  };
  return custom({.name = "square", .bind = bind, .vjp = vjp}, {x});
}

float right(float x) {
  return x * x;
}

GradcheckReport check_square(float (*narrow)(float), const GradcheckOptions& options = {}) {
  return gradcheck([&](Vars v) { return sigmoid(square(v[0] + v[1], narrow)); }, {{4, 3}, {3}}, options);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_f32_test)

BOOST_AUTO_TEST_CASE(kernels_that_agree_are_counted) {
  const auto report = check_square(right, {.f32 = GradcheckF32::required});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(report.f32.operators >= 3U);
  BOOST_TEST(contains(report.text, "operators agree with f64 but for rounding"), report.text);
}

BOOST_AUTO_TEST_CASE(terms_that_cancel_are_rounding) {
  const auto cancelling = [](Vars v) { return v[0] * 1000.3 + v[0] * 500.7 - v[0] * 1500.9; };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto report = gradcheck(cancelling, {{3, 5}}, {.f32 = GradcheckF32::required, .seed = seed});
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(an_f32_kernel_of_another_function_is_named) {
  const auto report = check_square([](float x) { return 3.0F * x; });
  BOOST_TEST(!report.ok, report.text);
  BOOST_TEST_REQUIRE(report.f32.faults.size() == 1U, report.text);
  BOOST_TEST(contains(report.text, "f32 WRONG: square at gradcheck_f32_test.cpp:"), report.text);
  BOOST_TEST(report.faults.empty(), report.text);
}

BOOST_AUTO_TEST_CASE(small_faults_are_caught_and_rounding_is_not) {
  BOOST_TEST(!check_square([](float x) { return 1.001F * x * x; }).ok);
  BOOST_TEST(!check_square([](float x) { return x * x + 1e-3F; }).ok);
  BOOST_TEST(!check_square([](float x) { return x > 1.0F ? -x * x : x * x; }).ok);
  BOOST_TEST(!check_square([](float) { return std::nanf(""); }).ok);
  BOOST_TEST(!check_square([](float x) { return x * x * (1.0F + 1e-5F); }).ok);
  BOOST_TEST(check_square([](float x) { return x * x * (1.0F + 1e-7F); }).ok);
}

// However many elements there are, each is made of one.
BOOST_AUTO_TEST_CASE(a_fault_of_a_hundred_thousandth_shows_in_large_arrays) {
  const auto check = [](float (*narrow)(float)) {
    return gradcheck([&](Vars v) { return square(v[0], narrow); }, {{100, 30}});
  };
  BOOST_TEST(!check([](float x) { return x * x * (1.0F + 1e-5F); }).ok);
  BOOST_TEST(!check([](float x) { return x * x * (1.0F - 1e-5F); }).ok);
  BOOST_TEST(check(right).ok);
}

BOOST_AUTO_TEST_CASE(it_can_be_left_out) {
  const auto report = check_square([](float x) { return 3.0F * x; }, {.f32 = GradcheckF32::skipped});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(!contains(report.text, "f32"), report.text);
}

BOOST_AUTO_TEST_CASE(an_f32_kernel_of_a_derivative_is_checked_too) {
  const auto check = [](bool is_wrong) {
    return gradcheck(
        [is_wrong](Vars v) {
          const auto vjp = [is_wrong](const VjpContext& context) {
            const auto bind = [is_wrong](const Binding& binding) {
              const auto count = binding.output_type(0).shape.elements();
              if (binding.output_type(0).dtype == DType::f64) {
                return Kernel{
                    [count, grad = binding.input<const double>(0), dst = binding.output<double>(0)] {
                      for (std::int64_t i = 0; i < count; ++i) dst.get()[i] = 2.0 * grad.get()[i];
                    },
                    "loop"};
              }
              return Kernel{
                  [count, is_wrong, grad = binding.input<const float>(0), dst = binding.output<float>(0)] {
                    for (std::int64_t i = 0; i < count; ++i)
                      dst.get()[i] = (is_wrong && i == count - 1 ? 1.0F : 2.0F) * grad.get()[i];
                  },
                  "loop"};
            };
            return std::vector{custom({.name = "twice_backward", .bind = bind}, {context.output_grads[0]})};
          };
          const auto bind = [](const Binding& binding) {
            const auto count = binding.output_type(0).shape.elements();
            if (binding.output_type(0).dtype == DType::f64) {
              return Kernel{[count, src = binding.input<const double>(0), dst = binding.output<double>(0)] {
                              for (std::int64_t i = 0; i < count; ++i) dst.get()[i] = 2.0 * src.get()[i];
                            },
                            "loop"};
            }
            return Kernel{[count, src = binding.input<const float>(0), dst = binding.output<float>(0)] {
                            for (std::int64_t i = 0; i < count; ++i) dst.get()[i] = 2.0F * src.get()[i];
                          },
                          "loop"};
          };
          return custom({.name = "twice", .bind = bind, .vjp = vjp}, {v[0]});
        },
        {{7}});
  };
  BOOST_TEST(check(false).ok, check(false).text);
  const auto wrong = check(true);
  BOOST_TEST(!wrong.ok, wrong.text);
  BOOST_TEST(contains(wrong.text, "f32 WRONG: twice_backward"), wrong.text);
  BOOST_TEST(contains(wrong.text, "element 6"), wrong.text);
}

BOOST_AUTO_TEST_CASE(what_can_not_be_run_in_f32_is_said_and_the_rest_is_checked) {
  const auto function = [](Vars v) {
    return square(
        elementwise(
            "cube", v[0], [](double x) { return x * x * x; }, [](double x, auto) { return 3.0 * x * x; }),
        [](float x) { return 3.0F * x; });
  };
  const auto report = gradcheck(function, {{3}});
  BOOST_TEST(contains(report.text, "f32 not checked: cube at "), report.text);
  BOOST_TEST(contains(report.text, "f32 WRONG: square at "), report.text);

  const auto cube = [](Vars v) {
    return elementwise(
        "cube", v[0], [](double x) { return x * x * x; }, [](double x, auto) { return 3.0 * x * x; });
  };
  BOOST_TEST(gradcheck(cube, {{3}}).ok);
  BOOST_TEST(!gradcheck(cube, {{3}}, {.f32 = GradcheckF32::required}).ok);
}

BOOST_AUTO_TEST_CASE(a_function_that_refuses_f32_is_said) {
  const auto constant = Tensor::of<double>({3}, {1, 2, 3});
  const auto report = gradcheck([&](Vars v) { return v[0] * v[0].tape().stored(constant); }, {{3}});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(contains(report.text, "f32 not checked: "), report.text);
  BOOST_TEST(contains(report.text, "multiply"), report.text);
}

BOOST_AUTO_TEST_CASE(stored_state_is_left_as_it_is) {
  const auto stream = Tensor::of<std::int32_t>({4}, {1, 2, 3, 4});
  const auto report = gradcheck([&](Vars v) { return dropout(v[0], 0.5, v[0].tape().stored(stream)); },
                                {{8, 8}}, {.f32 = GradcheckF32::required});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(stream.data<std::int32_t>()[2] == 3);
}

BOOST_AUTO_TEST_SUITE_END()
