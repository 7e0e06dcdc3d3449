// Models that nobody here thought of, as somebody else would write them: residual, with two inputs, shared
// weights and losses of their own. Each is gradchecked as a whole and trained, from the umbrella header
// alone.

#include <boost/test/unit_test.hpp>
#include <span>
#include <vector>

#include "keel/keel.hpp"

namespace {

using keel::Tensor;
using keel::Var;
using Vars = std::span<const Var>;

Tensor noise(const keel::Shape& shape, std::uint64_t seed, keel::DType dtype = keel::DType::f32) {
  keel::Rng rng{seed};
  Tensor tensor{shape, dtype};
  if (dtype == keel::DType::f64) {
    for (auto& value : tensor.data<double>()) value = rng.normal();
  } else {
    for (auto& value : tensor.data<float>()) value = static_cast<float>(rng.normal());
  }
  return tensor;
}

// Gradchecks what `function` makes of inputs of these shapes and of a model's own parameters.
template <class Model>
keel::GradcheckReport gradcheck_model(Model& model, const std::vector<Tensor>& inputs,
                                      const std::function<Var(Vars)>& loss) {
  keel::initialize(model, keel::Rng{3}, keel::DType::f64);
  return keel::gradcheck(loss, std::span<keel::Shape>{}, {.inputs = inputs});
}

// The gradients of the parameters themselves, against central differences along random directions.
template <class Model>
void check_parameter_gradients(Model& model, const std::vector<Tensor>& inputs,
                               const std::function<Var(Vars)>& loss) {
  keel::Tape tape;
  std::vector<Var> vars;
  for (const auto& input : inputs) vars.push_back(tape.stored(input, "input"));
  const Var value = loss(vars);
  std::vector<Var> trained;
  std::vector<Tensor> values;
  for (const auto& [path, parameter] : keel::parameters(model)) {
    if (parameter->kind() != keel::Parameter::Kind::trained) continue;
    values.push_back(parameter->value());
    trained.push_back(tape.stored(parameter->value(), path));
  }
  auto outputs = keel::gradients(value, trained);
  outputs.push_back(value);
  keel::Plan plan{tape, outputs};
  for (std::size_t i = 0; i < trained.size(); ++i) {
    plan.run();
    const auto direction = noise(values[i].shape(), 50 + i, keel::DType::f64);
    const auto grad = plan.output(i).clone();
    double expected = 0.0;
    for (std::size_t k = 0; k < grad.data<double>().size(); ++k)
      expected += grad.data<double>()[k] * direction.data<double>()[k];
    const auto loss_at = [&](double step) {
      auto elements = values[i].data<double>();
      const auto before = values[i].clone();
      for (std::size_t k = 0; k < elements.size(); ++k) elements[k] += step * direction.data<double>()[k];
      plan.run();
      const double result = plan.output(trained.size()).data<double>()[0];
      std::ranges::copy(before.data<double>(), elements.begin());
      return result;
    };
    constexpr double step = 1e-5;
    const double actual = (loss_at(step) - loss_at(-step)) / (2 * step);
    BOOST_TEST(std::abs(actual - expected) <= 1e-6 * (1 + std::abs(expected)),
               tape.program().values[trained[i].id()].name << ": " << expected << " against " << actual);
  }
}

// 1. Are two pictures of the same thing? One encoder for both, a residual block in it, and the contrastive
// loss of Hadsell, Chopra and LeCun (2006).
struct Siamese {
  keel::Linear stem{6, 8};
  keel::Linear inner{8, 8, {.bias = false}};
  keel::BatchNorm norm{8};
  keel::Linear code{8, 3};

  Var encode(const Var& image) {
    const Var x = stem(image);
    return code(x + keel::tanh(norm(inner(x))));
  }
  Var operator()(const Var& left, const Var& right) {
    return keel::sqrt(keel::sum(keel::square(encode(left) - encode(right)), {1}) + 1e-3);
  }
  void visit(auto&& each) {
    each("stem", stem), each("inner", inner), each("norm", norm), each("code", code);
  }
};

Var contrastive(const Var& distance, const Var& same) {
  const Var too_near = keel::maximum(1.0 - distance, 0.0 * distance);
  return keel::mean(same * keel::square(distance) + (1.0 - same) * keel::square(too_near));
}

// 2. A picture and a table of facts about it: convolutions on one, a gate from the other, and a loss over two
// targets of different kinds, one of them a class, the other a number, weighted by a parameter of the model's
// own.
struct PictureAndFacts {
  struct Prediction {
    Var logits;
    Var size;
    Var log_weight;
  };

  keel::Conv2d conv{1, 4, 3, {.padding = 1, .bias = false}};
  keel::BatchNorm norm{4};
  keel::Conv2d block{4, 4, 3, {.padding = 1}};  // applied twice: shared, and residual
  keel::Linear gate{5, 4};
  keel::Linear classes{4, 3}, size{4, 1};
  keel::Parameter log_weight{keel::Shape{}, keel::Initializer::constant(0.0)};

  Prediction operator()(const Var& image, const Var& facts) {
    Var x = keel::relu(norm(conv(image)));
    for (int i = 0; i < 2; ++i) x = x + keel::sigmoid(block(x));
    const Var pooled = keel::mean(x, {2, 3}) * keel::sigmoid(gate(facts));
    return {classes(pooled), size(pooled), image.tape().stored(log_weight.value(), "log_weight")};
  }
  void visit(auto&& each) {
    each("conv", conv), each("norm", norm), each("block", block), each("gate", gate);
    each("classes", classes), each("size", size), each("log_weight", log_weight);
  }
};

// Kendall, Gal and Cipolla (2018): the weight between two losses is learned.
Var two_losses(const PictureAndFacts::Prediction& prediction, const Var& labels, const Var& sizes) {
  return keel::cross_entropy(prediction.logits, labels) +
         keel::exp(-prediction.log_weight) * keel::mse(prediction.size, sizes) + prediction.log_weight;
}

// 3. An autoencoder whose decoder is its encoder transposed, over a sequence, with a state that goes through
// one cell at every step, a skip from input to output, and a loss of absolute errors.
struct TiedAutoencoder {
  static constexpr std::int64_t length = 5, features = 6, width = 4;
  keel::Parameter weights{keel::Shape{width, features}, keel::Initializer::fan_in(features)};
  keel::Linear recurrent{width, width};
  keel::LayerNorm norm{width};
  keel::Parameter skip{keel::Shape{features}, keel::Initializer::constant(0.1)};

  Var operator()(const Var& sequence) {  // (N, length, features)
    keel::Tape& tape = sequence.tape();
    const Var tied = tape.stored(weights.value(), "weights");
    const Var skipped = tape.stored(skip.value(), "skip");
    Var state;
    std::vector<Var> decoded;
    for (std::int64_t t = 0; t < length; ++t) {
      const Var x = keel::reshape(keel::slice(sequence, 1, t, t + 1), {-1, features});
      const Var code = keel::matmul(x, tied, {.weights = true});
      state = keel::gelu(norm(t == 0 ? code : code + recurrent(state)));
      const Var y = keel::matmul(state, tied) + skipped * x;
      decoded.push_back(keel::reshape(y, {-1, 1, features}));
    }
    return keel::concatenate(decoded, 1);
  }
  void visit(auto&& each) {
    each("weights", weights), each("recurrent", recurrent), each("norm", norm), each("skip", skip);
  }
};

Var absolute_error(const Var& prediction, const Var& target) {
  const Var difference = prediction - target;
  return keel::mean(keel::maximum(difference, -difference));
}

Tensor same_or_not(std::int64_t count, keel::DType dtype) {
  Tensor same{{count}, dtype};
  for (std::int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(i % 2);
    if (dtype == keel::DType::f64)
      same.data<double>()[static_cast<std::size_t>(i)] = value;
    else
      same.data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(value);
  }
  return same;
}

Tensor labels_below(int classes, std::int64_t count) {
  Tensor labels{{count}, keel::DType::s32};
  int next = 0;
  for (auto& label : labels.data<std::int32_t>()) label = next++ % classes;
  return labels;
}

// Trains on one batch until it is known, twice over: the same losses, bit for bit.
template <class Model, class Loss>
void train(const Loss& loss, double final_share, const auto&... batch) {
  std::vector<std::vector<double>> losses(2);
  for (auto& history : losses) {
    Model model;
    keel::initialize(model, keel::Rng{7});
    keel::Adam adam{{.learning_rate = 0.01}};
    keel::TrainingStep step{model, adam, loss};
    for (int i = 0; i < 300; ++i) history.push_back(step(batch...));
    BOOST_TEST(history.back() < final_share * history.front(), history.front()
                                                                   << " became " << history.back());
  }
  BOOST_TEST(losses[0] == losses[1], boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stranger_models_test)

BOOST_AUTO_TEST_CASE(a_siamese_network_with_a_contrastive_loss) {
  using enum keel::DType;
  Siamese model;
  const std::vector<Tensor> inputs{noise({6, 6}, 1, f64), noise({6, 6}, 2, f64), same_or_not(6, f64)};
  const auto loss = [&](Vars v) { return contrastive(model(v[0], v[1]), v[2]); };
  const auto report = gradcheck_model(model, inputs, loss);
  BOOST_TEST(report.ok, report.text);
  check_parameter_gradients(model, inputs, loss);
  train<Siamese>(contrastive, 0.2, noise({32, 6}, 1), noise({32, 6}, 2), same_or_not(32, f32));
}

BOOST_AUTO_TEST_CASE(a_picture_gated_by_facts_with_two_targets) {
  using enum keel::DType;
  PictureAndFacts model;
  const std::vector<Tensor> inputs{noise({4, 1, 5, 5}, 1, f64), noise({4, 5}, 2, f64), labels_below(3, 4),
                                   noise({4, 1}, 3, f64)};
  const auto loss = [&](Vars v) { return two_losses(model(v[0], v[1]), v[2], v[3]); };
  const auto report = gradcheck_model(model, inputs, loss);
  BOOST_TEST(report.ok, report.text);
  check_parameter_gradients(model, inputs, loss);
  train<PictureAndFacts>(two_losses, 0.7, noise({24, 1, 9, 9}, 1), noise({24, 5}, 2), labels_below(3, 24),
                         noise({24, 1}, 3));
}

BOOST_AUTO_TEST_CASE(a_recurrent_autoencoder_with_tied_weights) {
  using enum keel::DType;
  TiedAutoencoder model;
  const std::vector<Tensor> inputs{noise({3, 5, 6}, 1, f64)};
  const auto loss = [&](Vars v) { return absolute_error(model(v[0]), v[0]); };
  const auto report = gradcheck_model(model, inputs, loss);
  BOOST_TEST(report.ok, report.text);
  check_parameter_gradients(model, inputs, loss);
  const auto batch = noise({16, 5, 6}, 1);
  train<TiedAutoencoder>(absolute_error, 0.8, batch, batch);
}

BOOST_AUTO_TEST_SUITE_END()
