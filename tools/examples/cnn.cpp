// A convolutional network with batch norm. On MNIST it gets over 99 % of the test images right within three
// epochs:
//   cnn [DATA [EPOCHS]]      DATA as for keel compare --data, the built-in digits by default
#include "keel/tools/examples/image_training.hpp"

struct Cnn {
  keel::Conv2d conv1{1, 16, 3, {.padding = 1, .bias = false}},
      conv2{16, 32, 3, {.padding = 1, .bias = false}};
  keel::BatchNorm bn1{16}, bn2{32}, bn3{128};
  keel::Linear fc1{32 * 7 * 7, 128, {.bias = false}}, fc2{128, 10};

  keel::Var operator()(keel::Var images) {
    auto x = keel::reshape(images, {-1, 1, 28, 28});
    x = keel::max_pool2d(keel::relu(bn1(conv1(x))), {.kernel = 2});
    x = keel::max_pool2d(keel::relu(bn2(conv2(x))), {.kernel = 2});
    x = keel::relu(bn3(fc1(keel::flatten(x))));
    return fc2(x);
  }

  void visit(auto&& each) {
    each("conv1", conv1), each("bn1", bn1), each("conv2", conv2), each("bn2", bn2);
    each("fc1", fc1), each("bn3", bn3), each("fc2", fc2);
  }
};

int main(int argc, char** argv) {
  const keel::examples::Arguments arguments{argc, argv};
  Cnn model;
  keel::Sgd sgd{{.momentum = 0.9, .weight_decay = 5e-4, .nesterov = true}};
  keel::examples::train(model, sgd, arguments, 64, keel::cosine_schedule(0.05, arguments.epochs));
}
