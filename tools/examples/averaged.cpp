// Batches that come in parts, a learning rate that warms up, and an average of the weights, on labels of which a
// fifth is wrong.
#include <fmt/format.h>
#include <keel/keel.hpp>

using keel::Tensor, keel::Var;

struct Classifier {
  keel::Linear fc1{2, 64, {.bias = false}}, fc2{64, 2};
  keel::BatchNorm bn1{64};

  Var operator()(Var points) { return fc2(keel::relu(bn1(fc1(points)))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("fc2", fc2); }
};

// Points of the square, and whether they are in the circle, of which a share of `wrong` is not so.
void draw(keel::Rng& random, const Tensor& points, const Tensor& labels, double wrong) {
  for (auto& x : points.data<float>()) x = static_cast<float>(random.uniform(-1, 1));
  for (auto p = points.data<float>(); auto& label : labels.data<int>()) {
    label = (p[0] * p[0] + p[1] * p[1] < 0.5F) != (random.uniform(0, 1) < wrong);
    p = p.subspan(2);
  }
}

int main() {
  keel::Rng random{1};
  Classifier model;
  keel::initialize(model, random.stream("weights"));
  keel::AdamW adam{{.weight_decay = 0.01, .clip_norm = 1.0}};
  keel::AccumulatedStep step{model, adam, keel::cross_entropy};
  keel::Average ema{model, {.decay = 0.98, .warm_up = true}};
  const auto rate = keel::warm_up(50, keel::constant_schedule(0.02));

  Tensor points{{32, 2}}, labels{{32}, keel::DType::s32};
  for (int i = 0; i < 500; ++i) {
    for (int part = 0; part < 4; ++part) {  // of a batch of 128
      draw(random, points, labels, 0.2);
      step.add(points, labels);
    }
    adam.set_learning_rate(rate(i));
    step.apply();
    ema.update();
  }

  Tensor test{{20000, 2}}, test_labels{{20000}, keel::DType::s32};
  draw(random, test, test_labels, 0.2);
  const auto loss_of = [&](Var points_tested, Var true_labels) {
    return keel::cross_entropy(model(points_tested), true_labels);
  };
  keel::Inference loss{loss_of};
  fmt::print("loss of the last weights {:.3f}\n", loss(test, test_labels).data<float>()[0]);
  const auto averaged = ema.in_place();
  fmt::print("loss of their average {:.3f}\n", loss(test, test_labels).data<float>()[0]);
}
