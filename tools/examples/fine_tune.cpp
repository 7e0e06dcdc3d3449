// Fine-tuning: a network learns one task and is saved; on the next it goes on with a new head, its trunk at a tenth of
// the head's learning rate.
#include <fmt/format.h>
#include <keel/keel.hpp>

#include <algorithm>

struct Network {
  keel::Sequential<keel::Linear, decltype(&keel::gelu), keel::Linear, decltype(&keel::gelu)> trunk{
      keel::Linear{2, 64}, keel::gelu, keel::Linear{64, 64}, keel::gelu};
  keel::Linear head;

  explicit Network(int classes) : head{64, classes} {}
  keel::Var operator()(keel::Var points) { return head(trunk(points)); }
  void visit(auto&& each) { each("trunk", trunk), each("head", head); }
};

// Points of a square, labelled by the ring around its centre that they lie in; the mean loss of the last steps.
double train(Network& network, keel::Adam& adam, int rings, int steps) {
  keel::Rng random{2};
  keel::Tensor points{{128, 2}}, labels{{128}, keel::DType::s32};
  keel::TrainingStep step{network, adam, keel::cross_entropy};
  double loss = 1.0;
  for (int i = 1; i <= steps; ++i) {
    for (auto& x : points.data<float>()) x = static_cast<float>(random.uniform(-1, 1));
    for (auto p = points.data<float>(); auto& label : labels.data<int>()) {
      label = std::min(static_cast<int>((p[0] * p[0] + p[1] * p[1]) * static_cast<float>(rings)), rings - 1);
      p = p.subspan(2);
    }
    loss = 0.98 * loss + 0.02 * step(points, labels);
  }
  return loss;
}

int main() {
  Network two{2};
  keel::initialize(two, keel::Rng{1});
  keel::Adam adam{{.learning_rate = 3e-3}};
  fmt::print("two rings: loss {:.3f}\n", train(two, adam, 2, 1000));
  keel::save_checkpoint(two, "two-rings.safetensors");

  for (const bool tuned : {false, true}) {
    Network three{3};
    keel::initialize(three, keel::Rng{3});
    if (tuned) {  // all that fits; the head does not
      const auto report = keel::load_checkpoint(three, "two-rings.safetensors", {.strict = false});
      fmt::print("{} parameters loaded, {} of another shape\n", report.loaded.size(),
                 report.of_other_type.size());
    }
    keel::Adam gentle{
        {.learning_rate = 3e-3, .groups = {{.paths = "trunk", .rate_factor = tuned ? 0.1 : 1.0}}}};
    fmt::print("three rings, {}: loss {:.3f}\n", tuned ? "fine-tuned" : "from scratch",
               train(three, gentle, 3, 100));
  }
}
