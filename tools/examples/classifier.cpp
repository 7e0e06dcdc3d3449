#include <fmt/format.h>
#include <keel/keel.hpp>

struct Classifier {  // any struct with operator() and visit is a model
  keel::Linear fc1{2, 32, {.bias = false}}, fc2{32, 2};
  keel::BatchNorm bn1{32};

  keel::Var operator()(keel::Var points) { return fc2(keel::relu(bn1(fc1(points)))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("fc2", fc2); }
};

int main() {
  keel::Rng random{1};
  keel::Tensor points{{512, 2}}, labels{{512}, keel::DType::s32};
  Classifier model;
  keel::initialize(model, random.stream("weights"));
  keel::Sgd sgd{{.learning_rate = 0.05, .momentum = 0.9}};
  keel::TrainingStep step{model, sgd, keel::cross_entropy};
  for (int i = 1; i <= 500; ++i) {  // is a point of the square inside the circle?
    for (auto& x : points.data<float>()) x = static_cast<float>(random.uniform(-1, 1));
    for (auto p = points.data<float>(); auto& label : labels.data<int>()) {
      label = p[0] * p[0] + p[1] * p[1] < 0.5F;
      p = p.subspan(2);
    }
    const double loss = step(points, labels);
    if (i % 100 == 0) fmt::print("step {}: loss {:.3f}\n", i, loss);
  }
}
