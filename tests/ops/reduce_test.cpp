#include "keel/ops/reduce.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
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

BOOST_AUTO_TEST_SUITE_END()
