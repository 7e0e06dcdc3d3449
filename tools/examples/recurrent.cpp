// A small recurrent network that reads an image row by row, from top to bottom:
//   recurrent [DATA [EPOCHS]]      DATA as for keel compare --data, the built-in digits by default
#include "keel/tools/examples/image_training.hpp"

struct Recurrent {
  static constexpr std::int64_t rows = 28, columns = 28, width = 128;
  keel::Linear input{columns, width}, hidden{width, width, {.bias = false}}, output{width, 10};

  keel::Var operator()(keel::Var images) {
    const auto pixels = keel::reshape(images, {-1, rows, columns});
    keel::Var state;
    for (std::int64_t i = 0; i < rows; ++i) {
      const auto row = keel::reshape(keel::slice(pixels, 1, i, i + 1), {-1, columns});
      state = keel::tanh(i == 0 ? input(row) : input(row) + hidden(state));
    }
    return output(state);
  }

  void visit(auto&& each) { each("input", input), each("hidden", hidden), each("output", output); }
};

int main(int argc, char** argv) {
  const keel::examples::Arguments arguments{argc, argv};
  Recurrent model;
  keel::Adam adam{{.clip_norm = 1.0}};
  keel::examples::train(model, adam, arguments, 64, keel::cosine_schedule(2e-3, arguments.epochs));
}
