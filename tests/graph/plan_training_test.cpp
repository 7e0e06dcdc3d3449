#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "../support/graph_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/graph/plan.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/mlp.hpp"
#include "keel/models/sgd.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/fusion_rules.hpp"

// Plans of whole training steps: what they compute must not depend on how they were compiled.

namespace {

using keel::DType;
using keel::Plan;
using keel::PlanOptions;
using keel::Shape;
using keel::Tensor;
using keel::Var;

constexpr std::int64_t batch = 16;
constexpr int steps = 6;

struct Network {
  DType dtype;
  bool batch_norm;
};

constexpr std::array networks{Network{DType::f32, false}, Network{DType::f32, true},
                              Network{DType::f64, false}, Network{DType::f64, true}};

Tensor labels_of(std::uint64_t seed) {
  Tensor labels{Shape{batch}, DType::s32};
  keel::Rng rng{seed};
  for (auto& label : labels.data<std::int32_t>()) label = static_cast<std::int32_t>(rng.below(3));
  return labels;
}

struct Training {
  std::vector<double> values;  // the loss of each step, then all parameters and statistics
  std::vector<std::string> steps;
  std::size_t arena_bytes = 0;
};

// A few steps of training on other data each.
Training train(const Network& network, const PlanOptions& options) {
  keel::Mlp model{{.inputs = 6, .hidden = {8, 5}, .classes = 3, .batch_norm = network.batch_norm}};
  keel::Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  keel::initialize(model, keel::Rng{3}, network.dtype);

  keel::Tape tape;
  const Var images = tape.input({batch, 6}, network.dtype, "images");
  const Var labels = tape.input({batch}, DType::s32, "labels");
  const Var loss = keel::cross_entropy(model(images), labels);
  std::vector<Var> trained;
  for (const auto& [path, parameter] : keel::parameters(model)) {
    if (parameter->kind() == keel::Parameter::Kind::trained) {
      trained.push_back(tape.stored(parameter->value(), path));
    }
  }
  sgd.update(trained, keel::gradients(loss, trained));
  Plan plan{tape, std::array{loss}, options};

  Training result;
  for (std::uint64_t step = 0; step < steps; ++step) {
    plan.bind(images, keel::testing::random_tensor({batch, 6}, network.dtype, step));
    plan.bind(labels, labels_of(step));
    plan.run();
    result.values.push_back(keel::testing::values_of(plan.output(0))[0]);
  }
  for (const auto& [path, parameter] : keel::parameters(model)) {
    const auto values = keel::testing::values_of(parameter->value());
    result.values.insert(result.values.end(), values.begin(), values.end());
  }
  for (const auto& step : plan.steps()) result.steps.emplace_back(step.node.op->name());
  result.arena_bytes = plan.arena_bytes();
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_training_test)

BOOST_AUTO_TEST_CASE(training_changes_the_loss) {
  for (const auto& network : networks) {
    const auto training = train(network, {});
    BOOST_TEST(std::isfinite(training.values[0]));
    BOOST_TEST(training.values[0] != training.values[steps - 1]);
  }
}

BOOST_AUTO_TEST_CASE(reusing_memory_changes_no_bit) {
  for (const auto& network : networks) {
    for (const auto& rules : {std::span<const keel::FusionRule>{}, keel::fusion_rules()}) {
      const auto reused = train(network, {.rules = rules, .reuse_memory = true});
      const auto apart = train(network, {.rules = rules, .reuse_memory = false});
      BOOST_TEST(reused.values == apart.values, boost::test_tools::per_element());
      BOOST_TEST(reused.steps == apart.steps, boost::test_tools::per_element());
      BOOST_TEST(reused.arena_bytes < apart.arena_bytes);
    }
  }
}

BOOST_AUTO_TEST_CASE(compiling_anew_changes_no_bit) {
  for (const auto& network : networks) {
    const PlanOptions options{.rules = keel::fusion_rules()};
    BOOST_TEST(train(network, options).values == train(network, options).values,
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(fusion_makes_fewer_steps_of_a_training_step) {
  for (const auto& network : networks) {
    const auto fused = train(network, {.rules = keel::fusion_rules()});
    BOOST_TEST(fused.steps.size() < train(network, {}).steps.size());
    const bool norm_fused = network.batch_norm && network.dtype == DType::f32;
    const auto count = [&](const char* name) { return std::ranges::count(fused.steps, name); };
    BOOST_TEST(count("batch_norm+relu") == (norm_fused ? 2 : 0));
    BOOST_TEST(count("log_softmax+nll") == 1);
    BOOST_TEST(count("nll_backward+log_softmax_backward") == 1);
  }
}

// In f64, the kernels are the same loops: not a bit differs. In f32, the cross-entropy is oneDNN's in the one
// case and a loop in the other, and every step carries the difference on.
BOOST_AUTO_TEST_CASE(fusion_changes_results_by_rounding_alone) {
  for (const auto& network : networks) {
    const auto fused = train(network, {.rules = keel::fusion_rules()}).values;
    const auto plain = train(network, {}).values;
    const double allowed = network.dtype == DType::f64 ? 0.0 : 64 * std::numeric_limits<float>::epsilon();
    BOOST_TEST_REQUIRE(fused.size() == plain.size());
    for (std::size_t i = 0; i < fused.size(); ++i) {
      BOOST_TEST(std::abs(fused[i] - plain[i]) <= allowed,
                 "value " << i << ": " << fused[i] << ' ' << plain[i]);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
