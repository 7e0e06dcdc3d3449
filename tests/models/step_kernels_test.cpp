// The kernels of training steps, as they were before operators could be differentiated twice: what higher
// derivatives are made of must not come into the first.

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "keel/keel.hpp"

namespace {

using namespace keel;

struct Images {
  Conv2d conv1{1, 4, 3};
  BatchNorm bn1{4};
  Linear fc1{4 * 3 * 3, 5};
  Var operator()(const Var& images) {
    return fc1(flatten(max_pool2d(relu(bn1(conv1(images))), {.kernel = 2})));
  }
  void visit(auto&& each) { each("conv1", conv1), each("bn1", bn1), each("fc1", fc1); }
};

struct Rows {
  LayerNorm norm{6};
  Linear fc1{6, 8}, fc2{8, 5};
  Var operator()(const Var& rows) { return fc2(gelu(fc1(norm(rows)))); }
  void visit(auto&& each) { each("norm", norm), each("fc1", fc1), each("fc2", fc2); }
};

template <class Model>
std::vector<std::string> kernels(Model model, const Shape& batch) {
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  std::vector<std::string> names;
  for (const auto& each : step.plan(Tensor{batch}, Tensor{Shape{batch[0]}, DType::s32}).steps())
    names.emplace_back(each.node.op->name());
  return names;
}

void check(const std::vector<std::string>& actual, const std::vector<std::string>& expected) {
  BOOST_TEST(actual == expected, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(step_kernels_test)

BOOST_AUTO_TEST_CASE(of_a_plain_network) {
  check(kernels(Mlp{{.inputs = 6, .hidden = {8}, .classes = 5}}, {4, 6}),
        {"linear", "relu", "linear", "log_softmax+nll", "nll_backward+log_softmax_backward", "matmul",
         "matmul+velocity", "sum_to", "relu_backward+sum_to", "matmul+velocity", "sgd_update"});
}

BOOST_AUTO_TEST_CASE(of_a_network_with_batch_norm) {
  check(kernels(Mlp{{.inputs = 6, .hidden = {8}, .classes = 5, .batch_norm = true}}, {4, 6}),
        {"linear", "batch_norm+relu", "running_statistics", "linear", "log_softmax+nll",
         "nll_backward+log_softmax_backward", "matmul", "matmul+velocity", "sum_to",
         "batch_norm_backward+relu_backward", "matmul+velocity", "sgd_update"});
}

BOOST_AUTO_TEST_CASE(of_a_network_on_images) {
  check(kernels(Images{}, {4, 1, 8, 8}),
        {"conv2d", "batch_norm+relu", "running_statistics", "max_pool2d", "reorder", "linear",
         "log_softmax+nll", "nll_backward+log_softmax_backward", "matmul", "matmul+velocity", "sum_to",
         "reorder", "max_pool2d_backward", "batch_norm_backward+relu_backward", "conv2d_backward_weights",
         "sgd_update"});
}

BOOST_AUTO_TEST_CASE(of_a_network_with_layer_norm) {
  check(kernels(Rows{}, {4, 6}),
        {"layer_norm", "linear", "gelu", "linear", "log_softmax+nll", "nll_backward+log_softmax_backward",
         "matmul", "matmul+velocity", "sum_to", "gelu_backward", "matmul", "matmul+velocity", "sum_to",
         "layer_norm_backward", "sgd_update"});
}

BOOST_AUTO_TEST_SUITE_END()
