// A small recurrent network that reads an image row by row, from top to bottom:
//   recurrent [DATA [EPOCHS]]      DATA as for keel compare --data, the built-in digits by default
#include "image_training.hpp"

struct Recurrent {
  static constexpr std::int64_t rows = 28, columns = 28, width = 64;
  keel::Linear input{columns, width}, hidden{width, width, {.bias = false}}, output{width, 10};

  keel::Var operator()(keel::Var images) {
    // What the rows contribute does not depend on the state: one product for all of them.
    const auto pixels = keel::reshape(images, {-1, columns});
    const auto contributions = keel::reshape(input(pixels), {-1, rows, width});
    keel::Var state;
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto contribution = keel::reshape(keel::slice(contributions, 1, row, row + 1), {-1, width});
      state = keel::tanh(row == 0 ? contribution : contribution + hidden(state));
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
