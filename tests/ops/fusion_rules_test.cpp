#include "keel/ops/fusion_rules.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/softmax.hpp"

namespace {

using namespace keel;
using test::Evaluation;
using test::random_labels;
using test::random_tensor;
using test::random_tensors;

using Vars = std::span<const Var>;
using Steps = std::vector<std::string>;

std::ptrdiff_t count(const Evaluation& evaluation, std::string_view step) {
  return std::ranges::count(evaluation.steps, step);
}

// Evaluates with and without the rules and checks that results differ by at most `bound`.
Evaluation fused_like_unfused(const test::Function& function, const std::vector<Tensor>& inputs, double bound,
                              DType dtype = DType::f32, bool differentiated = true) {
  const auto evaluate = [&](bool fused) {
    return test::evaluate(
        function, {.dtype = dtype, .fused = fused, .differentiated = differentiated, .inputs = inputs});
  };
  const auto unfused = evaluate(false);
  auto fused = evaluate(true);
  for (std::size_t i = 0; i < unfused.outputs.size(); ++i)
    BOOST_TEST(test::within(fused.outputs[i], unfused.outputs[i], bound), "output " << i);
  for (std::size_t i = 0; i < unfused.gradients.size(); ++i)
    BOOST_TEST(test::within(fused.gradients[i], unfused.gradients[i], bound), "gradient " << i);
  return fused;
}

std::vector<Var> linear_relu(Vars v) {
  return {relu(linear(v[0], v[1], v[2]))};
}

std::vector<Var> norm_relu(Vars v) {
  const auto [dst, mean, variance] = batch_norm_training(v[0], v[1], v[2]);
  return {relu(dst), mean, variance};
}

std::vector<Var> given_norm_relu(Vars v) {
  return {relu(batch_norm_inference(v[0], v[1], v[2], v[3], v[4]))};
}

std::vector<Var> entropy(Vars v) {
  return {cross_entropy(v[0], v[1])};
}

std::vector<Tensor> norm_inputs(std::int64_t features) {
  return random_tensors({{32, features}, {features}, {features}});
}

std::vector<Tensor> entropy_inputs() {
  return {random_tensor({13, 10}, 1, 3.0), random_labels(13, 10)};
}

// A sum of ten exponentials and the few roundings around it; exp and log differ between oneDNN and the C
// library.
const double entropy_bound = test::summation_error(10) + 2 * test::transcendental_error;

}  // namespace

BOOST_AUTO_TEST_SUITE(fusion_rules_test)

// A ReLU behind a product runs by itself: oneDNN's, applied to the product, takes NaN for negative.
BOOST_AUTO_TEST_CASE(linear_and_relu_stay_two_and_the_bias_gradient_joins_the_relu_s) {
  for (const std::int64_t rows : {1, 8, 9, 13}) {
    const auto inputs = random_tensors({{rows, 31}, {17, 31}, {17}});
    for (const auto dtype : {DType::f32, DType::f64}) {
      const auto fused = fused_like_unfused(linear_relu, inputs, 0.0, dtype);
      BOOST_TEST(count(fused, "linear") == 1);
      BOOST_TEST(count(fused, "relu") == 1);
      BOOST_TEST(count(fused, dtype == DType::f32 ? "relu_backward+sum_to" : "relu_backward") == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_and_relu_become_one_forward_and_backward) {
  for (const std::int64_t features : {7, 16, 20, 128}) {
    // Unfused and fused may run different kernels, whose sums over 32 values of unit size differ by rounding.
    const auto fused = fused_like_unfused(norm_relu, norm_inputs(features), 64 * test::summation_error(32));
    BOOST_TEST(fused.steps == (Steps{"batch_norm+relu", "batch_norm_backward+relu_backward"}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_is_not_fused_in_f64) {
  const auto fused = fused_like_unfused(norm_relu, norm_inputs(16), 0.0, DType::f64);
  BOOST_TEST(count(fused, "batch_norm+relu") == 0);
}

BOOST_AUTO_TEST_CASE(batch_norm_is_not_fused_when_its_result_is_read_elsewhere) {
  const auto read = fused_like_unfused(
      [](Vars v) {
        const Var dst = batch_norm_training(v[0], v[1], v[2]).dst;
        return std::vector{relu(dst) + dst};
      },
      norm_inputs(16), 0.0);
  BOOST_TEST(count(read, "batch_norm+relu") == 0);
  const auto returned = fused_like_unfused(
      [](Vars v) {
        const Var dst = batch_norm_training(v[0], v[1], v[2]).dst;
        return std::vector{relu(dst), dst};
      },
      norm_inputs(16), 0.0);
  BOOST_TEST(count(returned, "batch_norm+relu") == 0);
}

// The gradient of the normalized values, which fusion would leave uncomputed, is asked for here.
BOOST_AUTO_TEST_CASE(batch_norm_backward_is_not_fused_when_the_rectified_gradient_is_read_elsewhere) {
  const auto function = [](Vars v) {
    const Var dst = batch_norm_training(v[0], v[1], v[2]).dst;
    const Var rectified = relu(dst);
    const Var loss = mean(rectified * rectified);
    const auto grads = gradients(loss, std::array{v[0], dst});
    return std::vector{loss, grads[0], grads[1]};
  };
  const auto fused = fused_like_unfused(function, norm_inputs(16), 0.0, DType::f32, false);
  BOOST_TEST(count(fused, "batch_norm+relu") == 1);
  BOOST_TEST(count(fused, "batch_norm_backward") == 1);
  BOOST_TEST(count(fused, "relu_backward") == 1);
}

BOOST_AUTO_TEST_CASE(batch_norm_is_fused_when_the_relu_s_backward_pass_stands_alone) {
  const auto function = [](Vars v) {
    const Var dst = batch_norm_training(v[0], v[1], v[2]).dst;
    const Var loss = mean(relu(dst));
    return std::vector{loss, gradients(loss, std::array{dst})[0]};
  };
  const auto fused = fused_like_unfused(function, norm_inputs(16), 0.0, DType::f32, false);
  BOOST_TEST(count(fused, "batch_norm+relu") == 1);
  BOOST_TEST(count(fused, "relu_backward") == 1);
}

BOOST_AUTO_TEST_CASE(two_backward_passes_share_the_mask_of_one_forward_pass) {
  const auto function = [](Vars v) {
    const Var rectified = relu(batch_norm_training(v[0], v[1], v[2]).dst);
    const Var loss = mean(rectified * rectified);
    const Var other = mean(rectified);
    return std::vector{rectified, gradients(loss, v.first(1))[0], gradients(other, v.first(1))[0]};
  };
  const auto fused =
      fused_like_unfused(function, norm_inputs(16), 64 * test::summation_error(32), DType::f32, false);
  BOOST_TEST(count(fused, "batch_norm+relu") == 1);
  BOOST_TEST(count(fused, "batch_norm_backward+relu_backward") == 2);
}

BOOST_AUTO_TEST_CASE(batch_norm_by_given_statistics_is_fused_forward_and_backward) {
  Tensor variance = random_tensor({16}, 5);
  for (auto& value : variance.data<float>()) value = 0.5F + value * value;
  const Tensor mean = random_tensor({16}, 4);
  const auto function = [&](Vars v) {
    Tape& tape = v[0].tape();
    return given_norm_relu(std::array{v[0], v[1], v[2], tape.stored(mean), tape.stored(variance)});
  };
  const auto forward = fused_like_unfused(function, norm_inputs(16), 0.0, DType::f32, false);
  BOOST_TEST(forward.steps == Steps{"batch_norm+relu"}, boost::test_tools::per_element());
  const auto both = fused_like_unfused(function, norm_inputs(16), 0.0);
  BOOST_TEST(both.steps == (Steps{"batch_norm+relu", "batch_norm_backward+relu_backward"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(log_softmax_and_nll_become_one_forward_and_backward) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto fused =
        fused_like_unfused(entropy, entropy_inputs(), dtype == DType::f32 ? entropy_bound * 10 : 0.0, dtype);
    BOOST_TEST(fused.steps == (Steps{"log_softmax+nll", "nll_backward+log_softmax_backward"}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(log_softmax_stays_when_it_is_read_before_the_loss) {
  const auto fused = fused_like_unfused(
      [](Vars v) {
        const Var log_probabilities = log_softmax(v[0]);
        const Var entropy = mean(log_probabilities * log_probabilities);
        return std::vector{nll(log_probabilities, v[1]) + entropy};
      },
      entropy_inputs(), 0.0);
  BOOST_TEST(count(fused, "log_softmax") == 1);
  BOOST_TEST(count(fused, "log_softmax+nll") == 0);
}

BOOST_AUTO_TEST_CASE(log_probabilities_that_are_read_after_the_loss_or_returned_are_still_there) {
  const auto fused = fused_like_unfused(
      [](Vars v) {
        const Var log_probabilities = log_softmax(v[0]);
        const Var loss = nll(log_probabilities, v[1]);
        return std::vector{loss, mean(log_probabilities), log_probabilities};
      },
      entropy_inputs(), entropy_bound * 10);
  BOOST_TEST(count(fused, "log_softmax+nll") == 1);
}

BOOST_AUTO_TEST_CASE(of_two_losses_over_the_same_log_probabilities_the_first_is_fused) {
  const auto fused = fused_like_unfused(
      [](Vars v) {
        const Var log_probabilities = log_softmax(v[0]);
        return std::vector{nll(log_probabilities, v[1]) + nll(log_probabilities, v[2])};
      },
      {random_tensor({13, 10}, 1, 3.0), random_labels(13, 10, 1), random_labels(13, 10, 2)},
      entropy_bound * 10);
  BOOST_TEST(count(fused, "log_softmax+nll") == 1);
  BOOST_TEST(count(fused, "nll") == 1);
}

// The gradient of the log-probabilities is a sum here, which the fused backward operator would not see.
BOOST_AUTO_TEST_CASE(the_backward_pair_is_not_fused_when_its_middle_is_read_elsewhere) {
  const auto function = [](Vars v) {
    const Var log_probabilities = log_softmax(v[0]);
    const Var loss = nll(log_probabilities, v[1]);
    const auto grads = gradients(loss, std::array{v[0], log_probabilities});
    return std::vector{loss, grads[0], grads[1]};
  };
  const auto fused = fused_like_unfused(function, entropy_inputs(), entropy_bound * 10, DType::f32, false);
  BOOST_TEST(count(fused, "nll_backward+log_softmax_backward") == 0);
  BOOST_TEST(count(fused, "nll_backward") == 1);
}

BOOST_AUTO_TEST_CASE(a_whole_network_is_fused_throughout) {
  const std::vector inputs{random_tensor({32, 31}, 1),      random_tensor({16, 31}, 2, 0.2),
                           random_tensor({16}, 3),          random_tensor({16}, 4),
                           random_tensor({16, 16}, 5, 0.2), random_tensor({16}, 6),
                           random_tensor({10, 16}, 7),      random_labels(32, 10)};
  const auto network = [](Vars v) {
    const Var first = relu(batch_norm_training(linear(v[0], v[1]), v[2], v[3]).dst);
    const Var second = relu(linear(first, v[4], v[5]));
    return std::vector{cross_entropy(linear(second, v[6]), v[7])};
  };
  // Values and their gradients are of size 1 to 10; each passes through a handful of sums of up to 32 terms.
  const auto fused = fused_like_unfused(network, inputs, 1000 * test::summation_error(32));
  BOOST_TEST(Steps(fused.steps.begin(), fused.steps.begin() + 6) ==
                 (Steps{"linear", "batch_norm+relu", "linear", "relu", "linear", "log_softmax+nll"}),
             boost::test_tools::per_element());
  BOOST_TEST(count(fused, "batch_norm_backward+relu_backward") == 1);
  BOOST_TEST(count(fused, "nll_backward+log_softmax_backward") == 1);
}

BOOST_AUTO_TEST_SUITE_END()
