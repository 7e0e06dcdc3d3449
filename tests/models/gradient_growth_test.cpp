// Yang et al. 2019, "A Mean Field Theory of Batch Normalization": in a deep fully-connected network with
// batch norm before each ReLU, the squared gradient grows from layer to layer, toward the input, by a factor
// that tends to pi / (pi - 1) = 1.467 for large batches. Without batch norm and with He's initialization it
// stays.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;

constexpr std::int64_t width = 128;
constexpr std::int64_t batch = 128;
constexpr std::size_t depth = 30;

// The squared norm of the gradient of each layer's weights, from the first hidden layer on.
std::vector<double> squared_gradients(bool batch_norm, std::uint64_t seed) {
  Mlp model{{.inputs = width,
             .hidden = std::vector(depth, width),
             .classes = width,
             .batch_norm = batch_norm,
             .weights = initializers::kaiming_normal(),
             .bias_values = initializers::constant(0.0)}};
  initialize(model, Rng{seed});
  Tape tape;
  const Var images = tape.input(Shape{batch, width});
  std::vector<Var> weights;
  for (const auto& [path, parameter] : parameters(model))
    if (path.ends_with("weights")) weights.push_back(tape.stored(parameter->value(), path));
  const Var logits = model(images);
  const Tensor direction = test::random_tensor({batch, width}, seed + 1);
  const Var upstream = tape.stored(direction);
  const auto grads = gradients(std::span{&logits, 1}, std::span{&upstream, 1}, weights);
  Plan plan{tape, grads, {.rules = fusion_rules()}};
  plan.bind(images, test::random_tensor({batch, width}, seed + 2));
  plan.run();
  std::vector<double> result;
  for (std::size_t i = 0; i < depth; ++i) {
    double sum = 0.0;
    const Tensor grad = plan.output(i);
    for (const float value : grad.data<float>()) sum += static_cast<double>(value) * value;
    result.push_back(sum);
  }
  return result;
}

// The growth a layer, averaged over several networks and over the layers between the outermost ones.
double growth(bool batch_norm) {
  constexpr int networks = 4;
  constexpr std::size_t margin = 5;
  double logarithm = 0.0;
  for (std::uint64_t seed = 1; seed <= networks; ++seed) {
    const auto squares = squared_gradients(batch_norm, seed);
    logarithm += std::log(squares[margin] / squares[depth - 1 - margin]) / networks;
  }
  return std::exp(logarithm / static_cast<double>(depth - 1 - 2 * margin));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradient_growth_test)

BOOST_AUTO_TEST_CASE(batch_norm_makes_the_squared_gradient_grow_by_pi_over_pi_minus_one) {
  const double measured = growth(true);
  BOOST_TEST_MESSAGE("with batch norm: " << measured);
  BOOST_TEST(std::abs(measured - 1.467) < 0.04);
}

BOOST_AUTO_TEST_CASE(he_s_initialization_keeps_the_squared_gradient) {
  const double measured = growth(false);
  BOOST_TEST_MESSAGE("without: " << measured);
  BOOST_TEST(std::abs(measured - 1.0) < 0.04);
}

BOOST_AUTO_TEST_SUITE_END()
