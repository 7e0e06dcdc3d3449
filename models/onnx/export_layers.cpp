// Products, convolutions, pooling and normalization.

#include <algorithm>
#include <array>
#include <numeric>

#include "keel/models/onnx/export.hpp"

namespace keel::onnx {
namespace {

using Numbers = std::vector<std::int64_t>;

std::string transposed(const NodeWriter& node, std::size_t i) {
  Numbers permutation(node.shape(i).rank());
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation[permutation.size() - 1], permutation[permutation.size() - 2]);
  return node.add("Transpose", {node.input(i)}, {{"perm", permutation}});
}

void linear(const NodeWriter& node) {
  if (node.shape(0).rank() == 2) {
    std::vector<std::string> inputs{node.input(0), node.input(1)};
    if (node.inputs() > 2) inputs.push_back(node.input(2));
    return node.give("Gemm", inputs, {{"transB", std::int64_t{1}}});
  }
  const auto weights = transposed(node, 1);
  if (node.inputs() < 3) return node.give("MatMul", {node.input(0), weights});
  node.give("Add", {node.add("MatMul", {node.input(0), weights}), node.input(2)});
}

void matmul(const NodeWriter& node) {
  const auto src = node.integer("transpose_src") != 0 ? transposed(node, 0) : node.input(0);
  const auto weights = node.integer("transpose_weights") != 0 ? transposed(node, 1) : node.input(1);
  node.give("MatMul", {src, weights});
}

Numbers pads(const NodeWriter& node) {
  const auto padding = node.integers("padding");
  return {padding[0], padding[1], padding[0], padding[1]};
}

void conv2d(const NodeWriter& node) {
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < node.inputs(); ++i) inputs.push_back(node.input(i));
  node.give("Conv", inputs,
            {{"strides", node.integers("stride")},
             {"pads", pads(node)},
             {"dilations", node.integers("dilation")},
             {"kernel_shape", Numbers{node.shape(1)[2], node.shape(1)[3]}},
             {"group", node.integer("groups")}});
}

// What `conv_transpose2d` records, as the gradient of a convolution's images.
void conv_transpose2d(const NodeWriter& node) {
  const auto stride = node.integers("stride");
  const auto padding = node.integers("padding");
  const auto dilation = node.integers("dilation");
  const Numbers kernel{node.shape(1)[2], node.shape(1)[3]};
  Numbers more;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto smallest =
        (node.shape(0)[i + 2] - 1) * stride[i] - 2 * padding[i] + (kernel[i] - 1) * dilation[i] + 1;
    more.push_back(node.output_type().shape[i + 2] - smallest);
  }
  node.give("ConvTranspose", {node.input(0), node.input(1)},
            {{"strides", stride},
             {"pads", pads(node)},
             {"dilations", dilation},
             {"kernel_shape", kernel},
             {"output_padding", more},
             {"group", node.integer("groups")}});
}

void max_pool2d(const NodeWriter& node) {
  node.give("MaxPool", {node.input(0)},
            {{"kernel_shape", node.integers("kernel")},
             {"strides", node.integers("stride")},
             {"pads", pads(node)},
             {"dilations", node.integers("dilation")}});
}

void average_pool2d(const NodeWriter& node) {
  node.give("AveragePool", {node.input(0)},
            {{"kernel_shape", node.integers("kernel")},
             {"strides", node.integers("stride")},
             {"pads", pads(node)},
             {"count_include_pad", std::int64_t{1}}});
}

// Only windows that are not alike are recorded under this name; one over the image is alike.
void adaptive_average_pool2d(const NodeWriter& node) {
  node.refuse(
      "ONNX has no average over windows of different sizes; let the result's height and width divide the image's");
}

void softmax(const NodeWriter& node) {
  node.give("Softmax", {node.input(0)}, {{"axis", node.axis()}});
}

void log_softmax(const NodeWriter& node) {
  node.give("LogSoftmax", {node.input(0)}, {{"axis", node.axis()}});
}

float epsilon(const NodeWriter& node) {
  return static_cast<float>(node.number("epsilon"));
}

void batch_norm(const NodeWriter& node) {
  if (node.integer("given_statistics") == 0)
    node.refuse("it normalizes by the batch's own statistics; let it be recorded in inference mode");
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < node.inputs(); ++i) inputs.push_back(node.input(i));
  Settings settings{{"epsilon", epsilon(node)}};
  if (const auto momentum = node.momentum())
    settings.emplace("momentum", static_cast<float>(1.0 - *momentum));
  node.give("BatchNormalization", inputs, settings);
}

// Of one sample (1, groups, elements), each group being a channel.
void group_norm(const NodeWriter& node) {
  node.give("InstanceNormalization", {node.input(0), node.input(1), node.input(2)},
            {{"epsilon", epsilon(node)}});
}

void layer_norm(const NodeWriter& node) {
  node.give("LayerNormalization", {node.input(0), node.input(1), node.input(2)},
            {{"axis", std::int64_t{-1}}, {"epsilon", epsilon(node)}});
}

}  // namespace

std::span<const Translation> layer_translations() {
  static constexpr std::array translations{
      Translation{"linear", linear},
      Translation{"matmul", matmul},
      Translation{"conv2d", conv2d},
      Translation{"conv2d_backward_data", conv_transpose2d},
      Translation{"max_pool2d", max_pool2d},
      Translation{"average_pool2d", average_pool2d},
      Translation{"adaptive_average_pool2d", adaptive_average_pool2d},
      Translation{"softmax", softmax},
      Translation{"log_softmax", log_softmax},
      Translation{"batch_norm", batch_norm},
      Translation{"group_norm", group_norm},
      Translation{"layer_norm", layer_norm},
  };
  return translations;
}

}  // namespace keel::onnx
