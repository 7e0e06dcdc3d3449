// Functions that write into stored values are checked as they stand, and left so.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../support/gradcheck_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/stored_state.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/running_statistics.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"

namespace {

using namespace keel;
using namespace keel::testing;
using Vars = std::span<const Var>;

// A mask of zeros and ones of src's shape; counts its calls in `counter`, on which it depends.
Var random_mask(const Var& src, const Tensor& counter) {
  const auto infer = [type = src.type()](auto) { return std::vector{type}; };
  const auto bind = [](const Binding& binding) {
    return Kernel{[calls = binding.input<double>(0), to = binding.output<double>(0),
                   count = binding.output_type(0).shape.elements()] {
                    auto rng = Rng{5}.stream("mask", static_cast<std::uint64_t>(*calls.get()));
                    for (std::int64_t i = 0; i < count; ++i) to.get()[i] = static_cast<double>(rng.below(2));
                    *calls.get() += 1;
                  },
                  "loop"};
  };
  return custom({.name = "random_mask", .infer = infer, .bind = bind, .mutates = {0}},
                {src.tape().stored(counter, "calls")});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_state_test)

BOOST_AUTO_TEST_CASE(a_random_stream_is_the_same_in_every_evaluation) {
  const auto counter = Tensor::of<double>({1}, {7});
  const auto dropped = [&](Vars v) { return v[0] * random_mask(v[0], counter) * v[1]; };
  const auto report = gradcheck(dropped, {{4, 5}, {5}});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(counter.data<double>()[0] == 7);
}

// The second mask is drawn from a stream that the first has advanced.
BOOST_AUTO_TEST_CASE(operators_are_checked_on_the_state_that_they_had) {
  const auto counter = Tensor::of<double>({1}, {7});
  const auto cube = [](double x) { return x * x * x; };
  const auto wrong = [](double x, auto) { return x * x; };
  const auto report = gradcheck(
      [&](Vars v) {
        const Var once = v[0] * random_mask(v[0], counter);
        return elementwise("cube", once, cube, wrong) * random_mask(v[0], counter);
      },
      {{4, 5}});
  BOOST_TEST(!report.ok);
  BOOST_TEST_REQUIRE(report.faults.size() == 1U, report.text);
  BOOST_TEST(report.faults[0].op == "cube", report.text);
  BOOST_TEST(counter.data<double>()[0] == 7);
}

BOOST_AUTO_TEST_CASE(running_statistics_are_left_as_they_were) {
  const auto mean = Tensor::of<double>({3}, {0.5, 0, -1});
  const auto variance = Tensor::of<double>({3}, {1, 2, 3});
  const auto updates = Tensor::of<double>({}, {0});
  const auto report = gradcheck(
      [&](Vars v) {
        const auto result = batch_norm_training(v[0], v[1], v[2]);
        auto& tape = v[0].tape();
        update_running_statistics(tape.stored(mean), tape.stored(variance), tape.stored(updates), result.mean,
                                  result.variance, 0.1, 5);
        return relu(result.dst);
      },
      {{5, 3}, {3}, {3}}, {.rules = fusion_rules()});
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(mean.data<double>()[0] == 0.5);
  BOOST_TEST(variance.data<double>()[2] == 3);
}

BOOST_AUTO_TEST_CASE(state_is_put_back_when_an_evaluation_throws) {
  const auto counter = Tensor::of<double>({1}, {7});
  const auto fails = [&](Vars v) {
    const auto bind = kernel_of([](auto, auto) { throw Error{"no luck"}; });
    return custom({.name = "failing", .bind = bind}, {random_mask(v[0], counter)});
  };
  BOOST_CHECK_THROW((void)gradcheck(fails, {{3}}), Error);
  BOOST_TEST(counter.data<double>()[0] == 7);
}

// A rule that puts a kernel of another function into the place of one that squares.
BOOST_AUTO_TEST_CASE(fused_kernels_that_compute_something_else_are_reported) {
  static constexpr auto misfuse = [](Rewriter& rewriter, std::size_t index) {
    const auto* op = rewriter.as<CustomOp>(index);
    if (op == nullptr || op->behavior.name != "square") return false;
    const auto twice = kernel_of([](auto src, auto dst) {
      for (std::size_t i = 0; i < src.size(); ++i) dst[i] = src[i] * src[i] * (1 + 1e-6);
    });
    rewriter.node(index).op = std::make_shared<CustomOp>(CustomOp::Behavior{.name = "fused", .bind = twice});
    return true;
  };
  const std::array rules{FusionRule{"misfuse", +misfuse}};
  const auto square = [](Vars v) {
    return elementwise(
        "square", v[0], [](double x) { return x * x; }, [](double x, auto) { return 2 * x; });
  };
  const auto report = gradcheck(square, {{3}}, {.rules = rules});
  BOOST_TEST(!report.ok);
  BOOST_TEST(
      contains(report.text, "a run by fused kernels gave other outputs than the first: output 0, element 0"),
      report.text);
  BOOST_TEST(gradcheck(square, {{3}}).ok);
}

BOOST_AUTO_TEST_CASE(a_poisoned_plan_computes_the_same) {
  Tape tape;
  const Var x = tape.stored(random_tensor({3, 4}));
  const Var y = relu(x) * x;
  Plan plan{tape, std::span{&y, 1}};
  plan.run();
  const auto first = values_of(plan.output(0));
  plan.poison();
  for (const double value : values_of(plan.output(0))) BOOST_TEST(std::isnan(value));
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == first);
}

BOOST_AUTO_TEST_CASE(stored_state_is_what_programs_write_into) {
  const auto written = Tensor::of<double>({2}, {1, 2});
  const auto read = Tensor::of<double>({2}, {3, 4});
  {
    Tape tape;
    record_effect(tape.stored(written), "add_one", [](double* values) { values[0] += 1; });
    const Var y = tape.stored(read) * tape.stored(read);
    StoredState state;
    BOOST_TEST(state.empty());
    state.add(tape.program());
    BOOST_TEST(!state.empty());
    Plan{tape, std::span{&y, 1}}.run();
    BOOST_TEST(written.data<double>()[0] == 2);
    state.restore();
    BOOST_TEST(written.data<double>()[0] == 1);
    written.data<double>()[0] = 9;
    read.data<double>()[0] = 9;
  }
  BOOST_TEST(written.data<double>()[0] == 1);
  BOOST_TEST(read.data<double>()[0] == 9);
}

BOOST_AUTO_TEST_SUITE_END()
