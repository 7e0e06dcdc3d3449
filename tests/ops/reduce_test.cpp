#include "keel/ops/reduce.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/ops/max.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensors;
using test::throws_with;

using Vars = std::span<const Var>;

struct Pair {
  Shape large;
  Shape small;
};

const std::vector<Pair> pairs{
    {{1}, {}},
    {{7}, {}},
    {{7}, {1}},
    {{3, 5}, {5}},
    {{3, 5}, {1, 5}},
    {{3, 5}, {3, 1}},
    {{3, 5}, {}},
    {{3, 1}, {1}},
    {{1, 5}, {5}},
    {{1, 5}, {1, 1}},
    {{2, 3, 4}, {4}},
    {{2, 3, 4}, {3, 4}},
    {{2, 3, 4}, {3, 1}},
    {{2, 3, 4}, {2, 1, 4}},
    {{2, 3, 4}, {1, 3, 1}},
    {{3, 1, 4}, {1, 4}},
    {{2, 3, 2, 3}, {2, 1, 2, 1}},
    {{64, 128}, {128}},
    {{1024, 1031}, {1031}},
    {{1024, 1031}, {1024, 1}},
    {{1024, 1031}, {}},
};

std::int64_t summands(const Pair& pair) {
  return pair.large.elements() / pair.small.elements();
}

auto per_element() {
  return boost::test_tools::per_element();
}

// Hands its input on with the channels last.
class ChannelsLastOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "channels_last"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  [[nodiscard]] Formats formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                std::span<const ValueType>) const override {
    return {{MemoryFormat::row_major}, {MemoryFormat::channels_last}};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto& shape = binding.output_type(0).shape;
    return {[src = binding.input<const float>(0), dst = binding.output<float>(0), channels = shape[1],
             pixels = shape[2] * shape[3], count = shape.elements()] {
              for (std::int64_t i = 0; i < count; ++i) {
                const auto image = i / (channels * pixels);
                const auto channel = i / pixels % channels;
                dst.get()[(image * pixels + i % pixels) * channels + channel] = src.get()[i];
              }
            },
            "loop"};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(reduce_test)

BOOST_AUTO_TEST_CASE(sum_to_agrees_with_the_reference) {
  for (const auto& pair : pairs) {
    BOOST_TEST_CONTEXT(to_string(pair.large) << " to " << to_string(pair.small))
    test::check_sums_of_products([&](Vars v) { return std::vector{sum_to(v[0], pair.small)}; },
                                 random_tensors({pair.large}), summands(pair));
  }
}

BOOST_AUTO_TEST_CASE(broadcast_to_passes_elements_on_and_its_gradient_agrees_with_the_reference) {
  for (const auto& pair : pairs) {
    const auto stretch = [&](Vars v) { return std::vector{broadcast_to(v[0], pair.large)}; };
    BOOST_TEST_CONTEXT(to_string(pair.small) << " to " << to_string(pair.large)) {
      test::check_sums_of_products(stretch, random_tensors({pair.small}), summands(pair));
      const auto inputs = random_tensors({pair.small});
      const auto single = test::evaluate(stretch, {.differentiated = false, .inputs = inputs});
      const auto wide =
          test::evaluate(stretch, {.dtype = DType::f64, .differentiated = false, .inputs = inputs});
      BOOST_TEST(test::within(single.outputs[0], wide.outputs[0], 0.0));
    }
  }
}

BOOST_AUTO_TEST_CASE(mean_agrees_with_the_reference) {
  for (const auto& shape : {Shape{}, Shape{1}, Shape{1, 1}, Shape{7}, Shape{13, 1}, Shape{3, 16},
                            Shape{2, 3, 5}, Shape{64, 128}, Shape{1024, 1031}}) {
    BOOST_TEST_CONTEXT(to_string(shape))
    test::check_sums_of_products([](Vars v) { return std::vector{mean(v[0])}; }, random_tensors({shape}),
                                 shape.elements());
  }
}

BOOST_AUTO_TEST_CASE(sums_along_each_axis_worked_by_hand) {
  const Tensor src = Tensor::of<float>({2, 3}, {1, 2, 3, 10, 20, 30});
  const auto result = test::evaluate(
      [](Vars v) {
        return std::vector{sum_to(v[0], {3}), sum_to(v[0], {2, 1}), sum_to(v[0], {}), mean(v[0])};
      },
      {.differentiated = false, .inputs = {src}});
  BOOST_TEST(result.outputs[0] == (std::vector<double>{11, 22, 33}), boost::test_tools::per_element());
  BOOST_TEST(result.outputs[1] == (std::vector<double>{6, 60}), boost::test_tools::per_element());
  BOOST_TEST(result.outputs[2][0] == 66.0);
  BOOST_TEST(result.outputs[3][0] == 11.0);
}

BOOST_AUTO_TEST_CASE(sum_to_the_same_shape_records_nothing) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  BOOST_TEST(sum_to(src, {2, 3}).id() == src.id());
  BOOST_TEST(tape.program().nodes.empty());
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_stretch_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  const std::string line = "reduce_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { sum_to(src, {2}); };
  BOOST_TEST(throws_with<ShapeError>(call, {"sum_to(f32 (2, 3))", "(2)", "(2, 3)", line}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        sum_to(src, {4, 2, 3});
      },
      {"sum_to(f32 (2, 3))", "(4, 2, 3) does not stretch to (2, 3)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { broadcast_to(src, {3}); },
                                     {"broadcast_to(f32 (2, 3))", "(2, 3) does not stretch to (3)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { broadcast_to(src, {2, 1}); }, {"does not stretch to (2, 1)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { mean(tape.input(Shape{2}, DType::s32)); },
                                     {"mean(s32 (2))", "f32 or f64, not s32"}));
}

BOOST_AUTO_TEST_CASE(sums_and_means_over_any_axes_agree_with_the_reference) {
  for (const auto& shape : {Shape{5}, Shape{3, 5}, Shape{4, 1, 7}, Shape{2, 3, 4}, Shape{2, 3, 4, 5},
                            Shape{2, 3, 2, 3, 2}, Shape{2, 1, 3, 2, 1, 2}, Shape{8, 17, 9, 33}}) {
    for (const auto& axes : test::choices_of_axes(shape.rank())) {
      const auto terms = shape.elements() / with_ones(shape, axes).elements();
      for (const bool keep_axes : {false, true}) {
        BOOST_TEST_CONTEXT(to_string(shape) << " over " << fmt::format("{}", fmt::join(axes, ", "))) {
          test::check_sums_of_products([&](Vars v) { return std::vector{sum(v[0], axes, keep_axes)}; },
                                       random_tensors({shape}), terms);
          test::check_sums_of_products([&](Vars v) { return std::vector{mean(v[0], axes, keep_axes)}; },
                                       random_tensors({shape}), terms);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_over_axes_worked_by_hand) {
  const Tensor src = Tensor::of<float>({2, 3, 2}, {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(
        [](Vars v) {
          return std::vector{sum(v[0], {1}), sum(v[0], {0, -1}), sum(v[0]), mean(v[0], {-1}),
                             mean(v[0], {0, 2})};
        },
        {.dtype = dtype, .differentiated = false, .inputs = {src}});
    BOOST_TEST(result.outputs[0] == (std::vector<double>{9, 12, 90, 120}), per_element());
    BOOST_TEST(result.outputs[1] == (std::vector<double>{33, 77, 121}), per_element());
    BOOST_TEST(result.outputs[2] == (std::vector<double>{231}), per_element());
    BOOST_TEST(result.outputs[3] == (std::vector<double>{1.5, 3.5, 5.5, 15, 35, 55}), per_element());
    BOOST_TEST(result.outputs[4] == (std::vector<double>{8.25, 19.25, 30.25}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(reduced_axes_are_dropped_or_kept_with_extent_one) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3, 4});
  BOOST_TEST((sum(src, {1}).shape() == Shape{2, 4}));
  BOOST_TEST((sum(src, {1}, true).shape() == Shape{2, 1, 4}));
  BOOST_TEST((mean(src, {-1, 0}).shape() == Shape{3}));
  BOOST_TEST((mean(src, {-1, 0}, true).shape() == Shape{1, 3, 1}));
  BOOST_TEST((sum(src).shape() == Shape{}));
  BOOST_TEST((sum(src, {}, true).shape() == Shape{1, 1, 1}));
  BOOST_TEST((sum(tape.input(Shape{})).shape() == Shape{}));
}

BOOST_AUTO_TEST_CASE(axes_that_are_not_there_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  const std::string line = "reduce_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { sum(src, {2}); };
  BOOST_TEST(throws_with<ShapeError>(
      call, {"sum(f32 (2, 3))", line, "no axis 2: those of (2, 3) are 0 to 1, or from the back -1 to -2"}));
  BOOST_TEST(throws_with<ShapeError>([&] { mean(src, {-3}); }, {"mean(f32 (2, 3))", "no axis -3"}));
  BOOST_TEST(throws_with<ShapeError>([&] { sum(src, {1, -1}); }, {"axis 1 of (2, 3) is named twice"}));
  BOOST_TEST(throws_with<ShapeError>([&] { sum(tape.input(Shape{}), {0}); }, {"a scalar has none"}));
}

// oneDNN's generic kernel is a hundred times slower than what is used in its place.
BOOST_AUTO_TEST_CASE(no_sum_is_left_to_oneDNN_s_reference) {
  for (const auto& axes : test::choices_of_axes(4)) {
    const auto result = test::evaluate(
        [&](Vars v) {
          return std::vector{sum(v[0], axes), mean(v[0], axes)};
        },
        {.differentiated = false, .inputs = random_tensors({{2, 3, 4, 5}})});
    for (const auto& implementation : result.implementations) {
      BOOST_TEST(implementation.find("ref") == std::string::npos, implementation);
    }
  }
}

BOOST_AUTO_TEST_CASE(images_with_channels_last_are_reduced_as_they_lie_where_that_is_the_same) {
  const Shape shape{3, 4, 5, 6};
  for (const auto& axes : test::choices_of_axes(4)) {
    for (const bool keep_axes : {false, true}) {
      const auto reduced = [&](bool reordered) {
        return test::evaluate(
            [&](Vars v) {
              const Var src =
                  reordered ? record(std::make_shared<ChannelsLastOp>(), {v[0]}, SourceLocation::current())
                            : v[0];
              return std::vector{sum(src, axes, keep_axes), max(src, axes, keep_axes)};
            },
            {.differentiated = false, .inputs = random_tensors({shape})});
      };
      const auto result = reduced(true);
      const auto expected = reduced(false);
      const Shape kept = with_ones(shape, axes);
      // Two sums of the same terms in different orders, none of whose partial sums is likely above 40.
      const double bound = 2 * test::summation_error(shape.elements() / kept.elements()) * 40;
      BOOST_TEST_CONTEXT("over " << fmt::format("{}", fmt::join(axes, ", "))) {
        BOOST_TEST(test::within(result.outputs[0], expected.outputs[0], bound));
        BOOST_TEST(result.outputs[1] == expected.outputs[1], per_element());
        const bool as_it_lies = kept[1] == 1 || kept[2] * kept[3] == 1;
        BOOST_TEST(std::ranges::count(result.steps, "reorder") == (as_it_lies ? 0 : 1));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
