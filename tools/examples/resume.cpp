// A training that may be killed at any moment: started again with the same file it goes on from the last checkpoint,
// and ends with the same numbers, bit for bit, as one that never was.
#include <fmt/format.h>
#include <keel/keel.hpp>

#include <filesystem>

struct Classifier {
  keel::Linear fc1{2, 32, {.bias = false}}, fc2{32, 2};
  keel::BatchNorm bn1{32};
  keel::Dropout dropout{0.1};

  keel::Var operator()(keel::Var points) { return fc2(dropout(keel::relu(bn1(fc1(points))))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("dropout", dropout), each("fc2", fc2); }
};

int main(int argc, char** argv) {
  const std::filesystem::path file = argc > 1 ? argv[1] : "run.safetensors";
  Classifier model;
  keel::initialize(model, keel::Rng{1});
  keel::Adam adam{{.learning_rate = 0.01}};
  keel::Rng random{2};
  std::int64_t step = 0;
  keel::TrainingState state{model, adam, random, step};
  if (std::filesystem::exists(file)) load_checkpoint(state, file);

  keel::TrainingStep train{model, adam, keel::cross_entropy};
  keel::Tensor points{{64, 2}}, labels{{64}, keel::DType::s32};
  while (step < 2000) {
    for (int i = 0; i < 64; ++i) {  // is the point inside of the circle?
      const double x = random.uniform(-1, 1), y = random.uniform(-1, 1);
      points.at<float>(i, 0) = static_cast<float>(x);
      points.at<float>(i, 1) = static_cast<float>(y);
      labels.at<std::int32_t>(i) = x * x + y * y < 0.5;
    }
    const double loss = train(points, labels);
    if (++step % 100 == 0) save_checkpoint(state, file);
    if (step % 500 == 0) fmt::print("step {}: loss {}\n", step, loss);
  }
}
