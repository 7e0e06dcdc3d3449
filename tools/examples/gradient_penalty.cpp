// A penalty on the gradient of the loss by the inputs, through batch norm: its own gradient is a derivative of
// second order. The network becomes smoother for it.
#include <fmt/format.h>
#include <keel/keel.hpp>

#include <array>
#include <cmath>

using keel::Var;

struct Classifier {
  keel::Linear fc1{2, 32, {.bias = false}}, fc2{32, 2};
  keel::BatchNorm bn1{32};

  struct Prediction {
    Var points, logits;
  };
  Prediction operator()(Var points) { return {points, fc2(keel::tanh(bn1(fc1(points))))}; }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("fc2", fc2); }
};

// The length of the loss's gradient by the points after training with a penalty of this weight.
double roughness(double weight) {
  keel::Rng random{1};
  Classifier model;
  keel::initialize(model, random.stream("weights"));
  keel::Adam adam{{.learning_rate = 0.01}};
  const auto penalized = [weight](const Classifier::Prediction& prediction, const Var& labels) {
    const Var loss = keel::cross_entropy(prediction.logits, labels);
    const Var slope = keel::gradients(loss, std::array{prediction.points})[0];
    const Var squares = keel::sum(keel::square(256.0 * slope)) / 256.0;  // a point's, on average
    keel::report("squares", squares);
    return loss + weight * squares;
  };
  keel::TrainingStep step{model, adam, penalized};
  keel::Tensor points{{256, 2}}, labels{{256}, keel::DType::s32};
  double loss = 0.0;
  for (int i = 0; i < 500; ++i) {
    for (auto& x : points.data<float>()) x = static_cast<float>(random.uniform(-1, 1));
    for (auto p = points.data<float>(); auto& label : labels.data<int>()) {
      label = p[0] * p[0] + p[1] * p[1] < 0.5F;
      p = p.subspan(2);
    }
    loss = step(points, labels);
  }
  const double slope = std::sqrt(step.reported("squares").data<float>()[0]);
  fmt::print("penalty {}: loss {:.3f}, gradient by the points {:.3f}\n", weight, loss, slope);
  return slope;
}

int main() {
  return roughness(0.1) < 0.5 * roughness(0.0) ? 0 : 1;
}
