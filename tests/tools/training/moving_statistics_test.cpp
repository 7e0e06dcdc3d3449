#include "keel/tools/training/moving_statistics.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/running_average.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

using Statistics = std::vector<double>;  // all running means and variances of a network

// A network in training on batches of its own stream, whose batch norms have a momentum.
class Trained {
 public:
  // With `constant` images, no unit of the first layer varies.
  explicit Trained(double momentum, bool constant = false)
      : constant_(constant),
        network_{{.inputs = 6,
                  .hidden = {8, 5},
                  .classes = 3,
                  .norm = Norm::batch,
                  .batch_norm = {.momentum = momentum}}},
        sgd_({.learning_rate = 0.1, .momentum = 0.9}),
        step_(network_, sgd_, cross_entropy) {
    initialize(network_, Rng{3});
  }

  void step() {
    for (float& value : images_.data<float>())
      value = constant_ ? 0.5F : static_cast<float>(rng_.uniform(-1.0, 3.0));
    for (auto& label : labels_.data<std::int32_t>()) label = static_cast<std::int32_t>(rng_.below(3));
    step_(images_, labels_);
  }

  [[nodiscard]] std::vector<NamedParameter> all() { return parameters(network_); }

  [[nodiscard]] Statistics statistics() {
    Statistics values;
    for (const auto& [path, parameter] : all())
      if (path.find("running_") != std::string::npos)
        for (const float value : parameter->value().data<float>()) values.push_back(value);
    return values;
  }

 private:
  bool constant_;
  Network network_;
  Sgd sgd_;
  TrainingStep<Network, Sgd, decltype(&cross_entropy)> step_;
  Rng rng_{4};
  Tensor images_{Shape{16, 6}};
  Tensor labels_{Shape{16}, DType::s32};
};

void check_close(const Statistics& a, const Statistics& b) {
  BOOST_REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    BOOST_TEST(std::abs(a[i] - b[i]) < 1e-5 * (1.0 + std::abs(b[i])));
}

BOOST_AUTO_TEST_SUITE(moving_statistics)

BOOST_AUTO_TEST_CASE(the_initial_value_is_taken_out_exactly) {
  for (const double initial : {0.0, 1.0, -3.0}) {
    for (const double momentum : {0.5, 0.1, 0.001}) {
      double running = initial;
      double weighted = 0.0;
      double weights = 0.0;
      for (int t = 1; t <= 30; ++t) {
        const double batch = 2.0 + std::sin(t);
        running = (1.0 - momentum) * running + momentum * batch;
        weighted = (1.0 - momentum) * weighted + momentum * batch;
        weights = (1.0 - momentum) * weights + momentum;
        BOOST_TEST(without_initial(running, initial, momentum, t) == weighted / weights,
                   boost::test_tools::tolerance(1e-9));
      }
    }
  }
  BOOST_TEST(without_initial(5.0, 1.0, 1.0, 1) == 5.0);
  BOOST_CHECK_THROW(without_initial(1.0, 1.0, 0.1, 0), Error);
}

// Two networks that differ in their momentum alone are trained alike: what is kept for one is what the other
// has.
BOOST_AUTO_TEST_CASE(they_are_what_a_layer_with_that_momentum_keeps) {
  constexpr std::array momenta{0.1, 0.01};
  Trained usual{0.1};
  Trained slow{0.01};
  MovingStatistics moving{usual.all(), 0.1, momenta};
  for (int step = 1; step <= 40; ++step) {
    usual.step();
    slow.step();
    moving.take_in();
  }
  const auto own = usual.statistics();
  moving.put(1);
  check_close(usual.statistics(), slow.statistics());
  moving.put(0);
  check_close(usual.statistics(), own);
}

// Batch norm with momentum 1 keeps the last batch's statistics.
BOOST_AUTO_TEST_CASE(corrected_they_are_the_weighted_mean_of_the_batches) {
  constexpr double momentum = 0.01;
  constexpr int steps = 25;
  Trained usual{0.1};
  Trained last{1.0};
  MovingStatistics moving{usual.all(), 0.1, std::span{&momentum, 1}};
  Statistics expected(last.statistics().size(), 0.0);
  for (int step = 1; step <= steps; ++step) {
    usual.step();
    last.step();
    moving.take_in();
    const auto batch = last.statistics();
    for (std::size_t i = 0; i < batch.size(); ++i)
      expected[i] += momentum * std::pow(1.0 - momentum, steps - step) * batch[i];
  }
  for (double& value : expected) value /= 1.0 - std::pow(1.0 - momentum, steps);
  moving.put_corrected(0);
  check_close(usual.statistics(), expected);
  // Uncorrected, 0.99^25 = 0.78 of the initial values is left.
  moving.put(0);
  bool far = false;
  const auto uncorrected = usual.statistics();
  for (std::size_t i = 0; i < expected.size(); ++i) far = far || std::abs(uncorrected[i] - expected[i]) > 0.1;
  BOOST_TEST(far);
}

// Their variance is 0, and rounding takes what is left without the initial 1 to either side of that.
BOOST_AUTO_TEST_CASE(no_corrected_variance_is_below_zero) {
  constexpr double momentum = 0.001;
  Trained constant{0.1, true};
  MovingStatistics moving{constant.all(), 0.1, std::span{&momentum, 1}};
  for (int step = 1; step <= 60; ++step) {
    constant.step();
    moving.take_in();
    const auto own = constant.statistics();
    moving.put_corrected(0);
    for (const auto& [path, parameter] : constant.all()) {
      if (!path.ends_with("running_variance")) continue;
      for (const float variance : parameter->value().data<float>()) BOOST_TEST(variance >= 0.0F);
    }
    std::size_t next = 0;  // the layers' own go on
    for (const auto& [path, parameter] : constant.all())
      if (path.find("running_") != std::string::npos)
        for (float& value : parameter->value().data<float>()) value = static_cast<float>(own[next++]);
  }
}

BOOST_AUTO_TEST_CASE(before_the_first_step_there_is_nothing_to_correct) {
  constexpr double momentum = 0.1;
  Trained network{0.1};
  const MovingStatistics moving{network.all(), 0.1, std::span{&momentum, 1}};
  BOOST_CHECK_THROW(moving.put_corrected(0), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
