// Operators broken on purpose in how they compute: where they write, what they read, what they remember.
// gradcheck must report the fault and name the operator, and must pass the same function computed right.

#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "../support/gradcheck_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/arithmetic.hpp"

namespace {

using namespace keel;
using namespace keel::testing;
using Vars = std::span<const Var>;

// dst_i = src_i src_(i+1), around: its backward kernel reads src beside the element that it writes.
GradcheckReport check_neighbours(std::vector<std::size_t> backward_may_overwrite) {
  const auto forward = kernel_of([](auto src, auto dst) {
    for (std::size_t i = 0; i < src.size(); ++i) dst[i] = src[i] * src[(i + 1) % src.size()];
  });
  const auto backward = [](const Binding& binding) {
    return Kernel{[x = binding.input<const double>(0), grad_dst = binding.input<const double>(1),
                   grad_src = binding.output<double>(0), n = binding.output_type(0).shape.elements()] {
                    for (std::int64_t i = 0; i < n; ++i) {
                      const auto before = (i + n - 1) % n;
                      grad_src.get()[i] =
                          grad_dst.get()[i] * x.get()[(i + 1) % n] + grad_dst.get()[before] * x.get()[before];
                    }
                  },
                  "loop"};
  };
  const auto vjp = [=](const VjpContext& context) {
    return std::vector{
        custom({.name = "neighbours_backward", .bind = backward, .may_overwrite = backward_may_overwrite},
               {context.inputs[0], context.output_grads[0]}, context.where)};
  };
  return gradcheck(
      [&](Vars v) { return custom({.name = "neighbours", .bind = forward, .vjp = vjp}, {v[0]}); }, {{6}});
}

// x^2, whose backward kernel adds what it finds times `found` to what it writes.
GradcheckReport check_square(std::optional<double> found) {
  const auto bind = [found](const Binding& binding) {
    return Kernel{[found, x = binding.input<const double>(0), grad = binding.input<const double>(1),
                   to = binding.output<double>(0)] {
                    for (int i = 0; i < 4; ++i) {
                      const double added = found ? *found * to.get()[i] : 0.0;
                      to.get()[i] = added + grad.get()[i] * 2 * x.get()[i];
                    }
                  },
                  "loop"};
  };
  const auto vjp = [=](const VjpContext& context) {
    return std::vector{custom({.name = "square_backward", .bind = bind},
                              {context.inputs[0], context.output_grads[0]}, context.where)};
  };
  const auto square = kernel_of([](auto src, auto dst) {
    for (std::size_t i = 0; i < src.size(); ++i) dst[i] = src[i] * src[i];
  });
  return gradcheck([&](Vars v) { return custom({.name = "square", .bind = square, .vjp = vjp}, {v[0]}); },
                   {{4}});
}

// dst = src in another floating-point type.
template <class From, class To>
Var cast(const Var& src) {
  const auto infer = [](auto types) { return std::vector{ValueType{types[0].shape, dtype_of<To>()}}; };
  const auto bind = [](const Binding& binding) {
    return Kernel{[from = binding.input<const From>(0), to = binding.output<To>(0),
                   count = binding.output_type(0).shape.elements()] {
                    for (std::int64_t i = 0; i < count; ++i) to.get()[i] = static_cast<To>(from.get()[i]);
                  },
                  "loop"};
  };
  const auto vjp = [](const VjpContext& context) {
    return std::vector{cast<To, From>(context.output_grads[0])};
  };
  return custom({.name = "cast", .infer = infer, .bind = bind, .vjp = vjp}, {src});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(planted_kernel_faults_test)

BOOST_AUTO_TEST_CASE(a_kernel_that_adds_to_what_it_finds) {
  BOOST_TEST(check_square(std::nullopt).ok, check_square(std::nullopt).text);
  check_inconsistent(check_square(1.0), "square", "gave other gradients than the first");
}

// Nothing shows unless NaN is found: the classic fault of matrix products that scale their output by zero.
BOOST_AUTO_TEST_CASE(a_kernel_that_multiplies_what_it_finds_by_zero) {
  check_inconsistent(check_square(0.0), "square",
                     "a run in memory full of NaN gave other gradients than the first");
}

BOOST_AUTO_TEST_CASE(a_forward_kernel_that_overwrites_what_it_still_reads) {
  const auto check = [](std::vector<std::size_t> may_overwrite) {
    const auto reverse = kernel_of([](auto src, auto dst) {
      for (std::size_t i = 0; i < src.size(); ++i) dst[i] = src[src.size() - 1 - i];
    });
    const auto vjp = [=](const VjpContext& context) {
      return std::vector{custom({.name = "reversed", .bind = reverse}, {context.output_grads[0]})};
    };
    return gradcheck(
        [&](Vars v) {
          return custom({.name = "reversed", .bind = reverse, .vjp = vjp, .may_overwrite = may_overwrite},
                        {v[0]});
        },
        {{5}});
  };
  const auto right = check({});
  BOOST_TEST(right.ok, right.text);
  check_inconsistent(check({0}), "reversed", "every value in memory of its own gave other outputs");
}

BOOST_AUTO_TEST_CASE(a_backward_kernel_that_overwrites_what_it_still_reads) {
  const auto right = check_neighbours({});
  BOOST_TEST(right.ok, right.text);
  for (const std::size_t overwritten : {0U, 1U}) {
    check_inconsistent(check_neighbours({overwritten}), "neighbours",
                       "every value in memory of its own gave other gradients");
  }
}

BOOST_AUTO_TEST_CASE(a_derivative_that_changes_from_run_to_run) {
  const auto runs = std::make_shared<int>(0);
  const auto derivative = [runs](double x, std::int64_t i) {
    if (i == 0) ++*runs;
    return 2 * x * (1 + 1e-14 * *runs);
  };
  const auto report = gradcheck(
      [&](Vars v) {
        return elementwise(
            "square", v[0], [](double x) { return x * x; }, derivative);
      },
      {{5}});
  check_inconsistent(report, "square", "a second run gave other gradients than the first");
}

BOOST_AUTO_TEST_CASE(a_value_that_changes_from_run_to_run) {
  const auto runs = std::make_shared<int>(0);
  const auto noise = [runs](Vars v) {
    const auto bind = kernel_of([runs](auto src, auto dst) {
      ++*runs;
      for (std::size_t i = 0; i < src.size(); ++i) dst[i] = src[i] + 1e-14 * *runs;
    });
    const auto vjp = [](const VjpContext& context) { return std::vector{context.output_grads[0]}; };
    return custom({.name = "noise", .bind = bind, .vjp = vjp}, {v[0]});
  };
  check_inconsistent(gradcheck(noise, {{3}}), "noise", "a second run gave other outputs than the first");
}

// The gradient of the first call on a tape, whatever the upstream gradient of the second is.
BOOST_AUTO_TEST_CASE(a_derivative_that_is_remembered) {
  struct Memory {
    std::weak_ptr<const void> tape;
    Var grad;
  };
  const auto memory = std::make_shared<Memory>();
  const auto report = gradcheck(
      [&](Vars v) {
        const auto vjp = [memory](const VjpContext& context) {
          const auto& grad = context.output_grads[0];
          const auto life = grad.tape().life();
          const bool known = !memory->tape.owner_before(life) && !life.owner_before(memory->tape);
          if (!known) *memory = {life, grad};
          return std::vector{memory->grad};
        };
        return custom({.name = "remembering", .vjp = vjp}, {v[0]});
      },
      {{3}});
  check_inconsistent(report, "remembering", "two upstream gradients at once gave another gradient");
}

// Each operator is right by itself; what is wrong is the function, which leaves one out of the derivative.
BOOST_AUTO_TEST_CASE(parts_that_agree_in_a_composition_that_does_not) {
  const auto other_way = std::make_shared<int>(0);
  const auto report =
      gradcheck([other_way](Vars v) { return ++*other_way % 2 == 0 ? v[0] * v[0] : v[0] + v[0]; }, {{3}});
  BOOST_TEST(!report.ok);
  BOOST_TEST(report.faults.empty(), report.text);
  BOOST_TEST(contains(report.text, "it is their composition that does not"), report.text);
}

BOOST_AUTO_TEST_CASE(operators_that_cannot_be_checked_by_themselves_are_named) {
  const auto report = gradcheck(
      [&](Vars v) {
        const auto square = [](double x) { return x * x; };
        const Var wrong = elementwise("square", v[0], square, [](double x, auto) { return x; });
        return wrong + cast<float, double>(cast<double, float>(wrong));
      },
      {{3}});
  BOOST_TEST(!report.ok);
  BOOST_TEST_REQUIRE(report.faults.size() == 1U, report.text);
  BOOST_TEST(report.faults[0].op == "square", report.text);
  BOOST_TEST(contains(report.text, "not checked by itself: cast at planted_kernel_faults_test.cpp:"),
             report.text);
  BOOST_TEST(contains(report.text, "gradcheck works in f64, but the function returned f32 (3)"), report.text);
  BOOST_TEST(contains(report.text, "gradcheck works in f64, but none of its inputs is"), report.text);
}

BOOST_AUTO_TEST_SUITE_END()
