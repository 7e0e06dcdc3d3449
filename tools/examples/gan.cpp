// A GAN: a generator learns to draw points of a ring, against a critic that learns to tell them from real ones.
#include <fmt/format.h>
#include <keel/keel.hpp>

#include <cmath>

using keel::Var;

struct Generator {
  keel::Linear fc1{2, 32, {.bias = false}}, fc2{32, 32, {.bias = false}}, fc3{32, 2};
  keel::BatchNorm bn1{32}, bn2{32};

  Var operator()(Var noise) { return fc3(keel::relu(bn2(fc2(keel::relu(bn1(fc1(noise))))))); }
  void visit(auto&& each) {
    each("fc1", fc1), each("bn1", bn1), each("fc2", fc2), each("bn2", bn2), each("fc3", fc3);
  }
};

struct Critic {
  keel::Linear fc1{2, 32}, fc2{32, 32}, fc3{32, 1};

  Var operator()(Var points) { return fc3(keel::leaky_relu(fc2(keel::leaky_relu(fc1(points))))); }
  void visit(auto&& each) { each("fc1", fc1), each("fc2", fc2), each("fc3", fc3); }
};

// -log(sigmoid(x)), whatever x is.
Var surprise(const Var& x) {
  return keel::mean(keel::relu(-x) + keel::log(1.0 + keel::exp(-keel::maximum(x, -x))));
}

int main() {
  keel::Rng random{1};
  Generator generator;
  Critic critic;
  keel::initialize(generator, random.stream("generator"));
  keel::initialize(critic, random.stream("critic"));
  keel::Adam generator_adam{{.learning_rate = 1e-3, .beta1 = 0.5}},
      critic_adam{{.learning_rate = 1e-3, .beta1 = 0.5}};
  // Each step trains one of the two and leaves the other as it is.
  const auto critic_loss = [&](Var scores, Var noise) {
    return surprise(scores) + surprise(-critic(keel::stop_gradient(generator(noise))));
  };
  const auto generator_loss = [&](Var fakes) { return surprise(critic(fakes)); };
  keel::TrainingStep critic_step{critic, critic_adam, critic_loss};
  keel::TrainingStep generator_step{generator, generator_adam, generator_loss};

  keel::Tensor points{{128, 2}}, noise{{128, 2}};
  for (int i = 1; i <= 3000; ++i) {
    for (auto p = points.data<float>(); !p.empty(); p = p.subspan(2)) {
      const double angle = random.uniform(-3.14159265, 3.14159265);
      p[0] = static_cast<float>(std::cos(angle)), p[1] = static_cast<float>(std::sin(angle));
    }
    for (auto& x : noise.data<float>()) x = static_cast<float>(random.normal());
    const double of_critic = critic_step(points, noise);
    const double of_generator = generator_step(noise);
    if (i % 1000 == 0) fmt::print("step {}: critic {:.3f}, generator {:.3f}\n", i, of_critic, of_generator);
  }
  keel::Inference draw{generator};
  double radius = 0.0, spread = 0.0;
  const keel::Tensor drawn = draw(noise);
  for (auto p = drawn.data<float>(); !p.empty(); p = p.subspan(2)) {
    const double r = std::hypot(p[0], p[1]);
    radius += r / 128, spread += (r - 1) * (r - 1) / 128;
  }
  fmt::print("mean radius {:.3f}, root mean square distance from the ring {:.3f}\n", radius,
             std::sqrt(spread));
}
