// Derivatives of the operators on images, and of layer norm, against central differences.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/rng.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_tensor;

using Vars = std::span<const Var>;

// The whole numbers from 0 on, shuffled: no two elements are so close that a step changes which is larger.
Tensor distinct(const Shape& shape) {
  Tensor tensor{shape, DType::f64};
  std::iota(tensor.data<double>().begin(), tensor.data<double>().end(), 0.0);
  Rng{7}.shuffle(tensor.data<double>());
  return tensor;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_gradcheck_test)

BOOST_AUTO_TEST_CASE(conv2d_of_many_shapes) {
  struct Case {
    Shape src;
    Shape weights;
    Conv2dOptions options;
  };
  for (const auto& [src, weights, options] : {
           Case{{2, 3, 5, 4}, {2, 3, 3, 3}, {}},
           Case{{2, 1, 4, 5}, {3, 1, 2, 3}, {.stride = 2, .padding = 1}},
           Case{{1, 2, 6, 5}, {2, 2, 3, 2}, {.stride = {3, 2}, .padding = {0, 1}}},
           Case{{3, 2, 3, 3}, {4, 2, 1, 1}, {}},
           Case{{2, 2, 3, 4}, {3, 2, 3, 4}, {}},
           Case{{1, 1, 2, 2}, {1, 1, 2, 2}, {.padding = 3}},
       }) {
    const auto with = gradcheck([of = options](Vars v) { return conv2d(v[0], v[1], v[2], of); },
                                {src, weights, Shape{weights[0]}});
    BOOST_TEST(with.ok, to_string(src) << " by " << to_string(weights) << ": " << with.text);
    const auto without =
        gradcheck([of = options](Vars v) { return conv2d(v[0], v[1], {}, of); }, {src, weights});
    BOOST_TEST(without.ok, to_string(src) << " by " << to_string(weights) << ": " << without.text);
  }
}

BOOST_AUTO_TEST_CASE(conv2d_with_frozen_operands) {
  for (std::size_t frozen = 0; frozen < 3; ++frozen) {
    const auto report = gradcheck([](Vars v) { return conv2d(v[0], v[1], v[2]); },
                                  {{2, 2, 4, 4}, {3, 2, 2, 2}, {3}}, {.frozen = {frozen, (frozen + 1) % 3}});
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(one_kernel_applied_twice) {
  const auto report =
      gradcheck([](Vars v) { return conv2d(conv2d(v[0], v[1]), v[1]); }, {{1, 2, 5, 5}, {2, 2, 2, 2}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(pooling_of_many_shapes) {
  struct Case {
    Shape src;
    Pool2dOptions options;
  };
  for (const auto& [src, options] : {
           Case{{2, 3, 4, 6}, {2}},
           Case{{1, 2, 5, 5}, {3, 2, 1}},
           Case{{1, 1, 5, 4}, {{3, 2}, 1, {1, 0}}},
           Case{{2, 1, 3, 3}, {3}},
           Case{{1, 2, 5, 5}, {1, 2}},
       }) {
    const auto largest =
        gradcheck([of = options](Vars v) { return max_pool2d(v[0], of); }, {}, {.inputs = {distinct(src)}});
    BOOST_TEST(largest.ok, to_string(src) << ": " << largest.text);
    const auto average = gradcheck([of = options](Vars v) { return average_pool2d(v[0], of); }, {src});
    BOOST_TEST(average.ok, to_string(src) << ": " << average.text);
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_of_images_by_their_own_and_by_given_statistics) {
  for (const auto& shape : {Shape{2, 3, 2, 3}, Shape{1, 2, 2, 2}, Shape{3, 1, 1, 1}}) {
    const Shape features{shape[1]};
    const auto trained = gradcheck([](Vars v) { return batch_norm_training(v[0], v[1], v[2]).dst; },
                                   {shape, features, features});
    BOOST_TEST(trained.ok, to_string(shape) << ": " << trained.text);
    Tensor variance = converted(random_tensor(features, 5), DType::f64);
    for (auto& value : variance.data<double>()) value = 0.1 + value * value;
    const GradcheckOptions options{.mode = Mode::inference,
                                   .inputs = {converted(random_tensor(shape, 1), DType::f64),
                                              converted(random_tensor(features, 2), DType::f64),
                                              converted(random_tensor(features, 3), DType::f64),
                                              converted(random_tensor(features, 4), DType::f64), variance},
                                   .frozen = {3, 4}};
    const auto given = gradcheck([](Vars v) { return batch_norm_inference(v[0], v[1], v[2], v[3], v[4]); },
                                 std::span<Shape>{}, options);
    BOOST_TEST(given.ok, to_string(shape) << ": " << given.text);
  }
}

BOOST_AUTO_TEST_CASE(layer_norm_of_many_ranks) {
  for (const auto& shape : {Shape{1, 3}, Shape{4, 5}, Shape{2, 3, 4}, Shape{2, 1, 2, 3}, Shape{3, 2}}) {
    const Shape features{shape[shape.rank() - 1]};
    const auto report =
        gradcheck([](Vars v) { return layer_norm(v[0], v[1], v[2], 1e-2); }, {shape, features, features});
    BOOST_TEST(report.ok, to_string(shape) << ": " << report.text);
  }
}

BOOST_AUTO_TEST_CASE(a_whole_network_of_images) {
  const auto report = gradcheck(
      [](Vars v) {
        const Var first = conv2d(v[0], v[1], {}, {.padding = 1});
        const Var hidden = average_pool2d(relu(batch_norm_training(first, v[2], v[3]).dst), {2});
        return layer_norm(max_pool2d(conv2d(hidden, v[4], v[5]), {.kernel = {2, 1}}), v[6], v[7], 1e-2);
      },
      {{3, 2, 6, 6}, {3, 2, 3, 3}, {3}, {3}, {2, 3, 2, 2}, {2}, {2}, {2}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_SUITE_END()
