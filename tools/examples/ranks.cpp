// A classifier that as many processes train together as mpirun or srun starts: mpirun -n 4 ./ranks
#include <fmt/format.h>
#include <keel/keel.hpp>

struct Classifier {
  keel::Linear fc1{2, 32, {.bias = false}}, fc2{32, 2};
  keel::BatchNorm bn1{32, {.synchronized = true}};  // by the statistics of the whole batch, whoever has it

  keel::Var operator()(keel::Var points) { return fc2(keel::relu(bn1(fc1(points)))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("fc2", fc2); }
};

int main() {
  const auto ranks = keel::Communicator::world();
  keel::Rng random{1};
  Classifier model;  // the same seed on all ranks: the same weights
  keel::initialize(model, random.stream("weights"));
  keel::Sgd sgd{{.learning_rate = 0.05, .momentum = 0.9}};
  keel::TrainingStep step{model, sgd, keel::cross_entropy, {.ranks = ranks}};

  const std::int64_t batch = 512;
  const auto own = batch * (ranks.rank() + 1) / ranks.size() - batch * ranks.rank() / ranks.size();
  keel::Tensor points{{own, 2}}, labels{{own}, keel::DType::s32};
  auto draws =
      random.stream("points", static_cast<std::uint64_t>(ranks.rank()));  // each rank has points of its own
  for (int i = 1; i <= 500; ++i) {  // is a point of the square inside the circle?
    for (auto& x : points.data<float>()) x = static_cast<float>(draws.uniform(-1, 1));
    for (auto p = points.data<float>(); auto& label : labels.data<int>()) {
      label = p[0] * p[0] + p[1] * p[1] < 0.5F;
      p = p.subspan(2);
    }
    const double loss = step(points, labels);  // of all ranks' points
    if (i % 100 == 0 && ranks.rank() == 0) fmt::print("step {}: loss {:.3f}\n", i, loss);
  }
}
