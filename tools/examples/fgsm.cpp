// The fast gradient sign method (Goodfellow et al. 2015): each coordinate of each point is moved a little, to
// where the loss rises.
#include <fmt/format.h>
#include <keel/keel.hpp>

#include <algorithm>
#include <cmath>

using keel::Tensor, keel::Var;

struct Classifier {
  keel::Linear fc1{2, 32, {.bias = false}}, fc2{32, 2};
  keel::BatchNorm bn1{32};

  Var operator()(Var points) { return fc2(keel::relu(bn1(fc1(points)))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("fc2", fc2); }
};

int main() {
  keel::Rng random{1};
  Classifier model;
  keel::initialize(model, random.stream("weights"));
  keel::Adam adam{{.learning_rate = 0.01}};
  keel::TrainingStep step{model, adam, keel::cross_entropy};
  auto attack = keel::value_and_grad([&](Var points, Var labels) {
    keel::report("classes", keel::argmax(model(points)));
    return keel::cross_entropy(model(points), labels);
  });

  Tensor points{{512, 2}}, labels{{512}, keel::DType::s32};
  for (int i = 0; i < 500; ++i) {
    for (auto& x : points.data<float>()) x = static_cast<float>(random.uniform(-1, 1));
    for (auto p = points.data<float>(); auto& label : labels.data<int>()) {
      label = p[0] * p[0] + p[1] * p[1] < 0.5F;
      p = p.subspan(2);
    }
    step(points, labels);
  }
  for (const float epsilon : {0.0F, 0.1F}) {
    const auto [loss, grads] = attack(points, labels);
    std::ranges::transform(points.data<float>(), grads[0].data<float>(), points.data<float>().begin(),
                           [&](float x, float slope) { return x + std::copysign(epsilon, slope); });
    const double attacked = attack(points, labels).value;
    const Tensor classes = attack.reported("classes");
    int right = 0;
    for (auto c = classes.data<int>(); const int label : labels.data<int>())
      right += label == c[0], c = c.subspan(1);
    fmt::print("epsilon {}: loss {:.3f} from {:.3f}, accuracy {:.1f} %\n", epsilon, attacked, loss,
               right / 5.12);
  }
}
