// A residual network whose blocks share their weights: the same two layers, applied four times.
//   residual [DATA [EPOCHS]]      DATA as for keel compare --data, the built-in digits by default
#include "keel/tools/examples/image_training.hpp"

struct Residual {
  static constexpr std::int64_t width = 64;
  keel::Linear stem{784, width};
  keel::LayerNorm norm{width};
  keel::Linear expand{width, 2 * width}, contract{2 * width, width};
  keel::Dropout dropout{0.1};
  keel::Linear head{width, 10};

  keel::Var block(const keel::Var& x) { return dropout(contract(keel::gelu(expand(norm(x))))); }

  keel::Var operator()(keel::Var images) {
    auto x = stem(images);
    for (int i = 0; i < 4; ++i) x = x + block(x);
    return head(x);
  }

  void visit(auto&& each) {
    each("stem", stem), each("norm", norm), each("expand", expand), each("contract", contract);
    each("dropout", dropout), each("head", head);
  }
};

int main(int argc, char** argv) {
  const keel::examples::Arguments arguments{argc, argv};
  Residual model;
  keel::Adam adam{{.weight_decay = 0.01}};
  keel::examples::train(model, adam, arguments, 128, keel::cosine_schedule(1e-3, arguments.epochs));
}
