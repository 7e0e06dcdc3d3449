#include "keel/tools/training/network_chain.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/runtime/error.hpp"
#include "keel/tools/training/chain_program.hpp"

namespace keel::tools {
namespace {

Tensor turned(const Tensor& weights) {
  const auto rows = weights.shape()[0];
  const auto columns = weights.shape()[1];
  Tensor result{Shape{columns, rows}};
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t k = 0; k < columns; ++k) result.at<float>(k, i) = weights.at<float>(i, k);
  return result;
}

// A program that is read from its input on, each value by the node that reads it.
class ChainReader {
 public:
  ChainReader(const Var& images, const Var& logits)
      : program_(images.tape().program(), logits.id()),
        samples_(images.shape()[0]),
        at_(images.id()),
        logits_(logits.id()) {}

  std::vector<ChainLayer> read() {
    while (at_ != logits_) {
      if (readers().size() == 1)
        read_node(*readers().front());
      else
        read_gelu();
    }
    if (layers_.empty()) throw Error{"has no layers with weights"};
    return std::move(layers_);
  }

 private:
  [[noreturn]] static void refuse(const Node& node, std::string_view why) {
    throw Error{fmt::format("has the operator {}, {}", node_text(node), why)};
  }
  [[noreturn]] static void refuse(const Node& node) {
    refuse(node, "which no network of keel train has in such a place or with such settings");
  }
  static void require(bool holds, const Node& node) {
    if (!holds) refuse(node);
  }

  [[nodiscard]] std::vector<const Node*> readers() const { return program_.readers_of(at_); }
  [[nodiscard]] const Shape& shape_of(std::size_t value) const { return program_.value(value).type.shape; }

  // Numbers of each feature (C), which may be brought into the shape (C, 1, 1).
  [[nodiscard]] Tensor numbers_at(const Node& node, std::size_t input) const {
    const auto* found = input < node.inputs.size() ? program_.stored_behind(node.inputs[input]) : nullptr;
    if (found == nullptr) refuse(node);
    const auto& storage = found->storage;
    const auto count = storage.type().shape.elements();
    return {storage.buffer(), static_cast<std::size_t>(storage.bytes() - storage.buffer()->data()),
            ValueType{Shape{count}, DType::f32}};
  }
  [[nodiscard]] Tensor weights_at(const Node& node) const {
    const auto& found = program_.value(node.inputs[1]);
    require(node.inputs[0] == at_ && found.kind == ValueKind::stored && found.type.dtype == DType::f32, node);
    return found.storage;
  }
  void read_node(const Node& node) {
    const auto name = node.op->name();
    if (name == "reshape" || name == "flatten") return step(node);
    if (name == "linear" || name == "matmul") return read_linear(node);
    if (name == "conv2d") return read_convolution(node);
    if (layers_.empty()) refuse(node);
    if (name == "add") return read_bias(node);
    if (name == "batch_norm") return read_batch_norm(node);
    if (name == "layer_norm") return read_layer_norm(node);
    if (name == "group_norm") return read_group_norm(node);
    if (name == "max_pool2d") return read_pooling(node);
    for (const auto activation : {Activation::relu, Activation::tanh, Activation::sigmoid, Activation::gelu})
      if (name == name_of(activation)) return read_activation(node, activation);
    refuse(node);
  }

  void step(const Node& node) { at_ = node.outputs[0]; }

  void read_linear(const Node& node) {
    const bool is_matmul = node.op->name() == "matmul";
    Tensor weights = weights_at(node);
    require(weights.shape().rank() == 2 && shape_of(at_).rank() == 2, node);
    if (is_matmul) {
      require(setting_of(node, "transpose_src") == std::vector{0.0}, node);
      if (setting_of(node, "transpose_weights") == std::vector{0.0}) weights = turned(weights);
    }
    layers_.push_back({.weights = weights});
    if (node.inputs.size() > 2) layers_.back().bias = numbers_at(node, 2);
    step(node);
  }

  void read_convolution(const Node& node) {
    const std::vector one{1.0, 1.0};
    const Tensor weights = weights_at(node);
    const auto& shape = weights.shape();
    require(shape.rank() == 4 && shape[2] == 3 && shape[3] == 3, node);
    require(setting_of(node, "stride") == one && setting_of(node, "padding") == one &&
                setting_of(node, "dilation") == one && setting_of(node, "groups") == std::vector{1.0},
            node);
    layers_.push_back({.weights = weights});
    if (node.inputs.size() > 2) layers_.back().bias = numbers_at(node, 2);
    step(node);
  }

  // Of a product that has none of its own.
  void read_bias(const Node& node) {
    auto& layer = layers_.back();
    const auto other = node.inputs[0] == at_ ? 1U : 0U;
    require(!layer.bias && layer.norm == Norm::none && !layer.activation && fits(numbers_at(node, other)) &&
                is_by_features(node.inputs[other]),
            node);
    layer.bias = numbers_at(node, other);
    step(node);
  }

  [[nodiscard]] bool fits(const Tensor& numbers) const {
    return numbers.shape()[0] == layers_.back().weights.shape()[0];
  }
  // Whether what is broadcast against the value here has its numbers along the axis of features.
  [[nodiscard]] bool is_by_features(std::size_t value) const {
    const auto& shape = shape_of(value);
    const auto features = layers_.back().weights.shape()[0];
    const auto behind = layers_.back().weights.shape().rank() - 2;  // axes of pixels
    if (shape.rank() <= behind) return false;
    for (std::size_t i = 0; i < shape.rank(); ++i)
      if (shape[i] != (i + behind + 1 == shape.rank() ? features : 1)) return false;
    return true;
  }

  void require_norm(const Node& node) const {
    const auto epsilon = setting_of(node, "epsilon");
    const auto own = static_cast<float>(BatchNormOptions{}.epsilon);
    require(epsilon.size() == 1 && static_cast<float>(epsilon[0]) == own, node);
    require(layers_.back().norm == Norm::none && !layers_.back().activation, node);
  }
  void add_scale(const Node& node, std::initializer_list<std::size_t> inputs) {
    for (const auto input : inputs) {
      require(fits(numbers_at(node, input)), node);
      layers_.back().scale.push_back(numbers_at(node, input));
    }
  }

  void read_batch_norm(const Node& node) {
    if (setting_of(node, "of_groups") == std::vector{1.0}) return read_group_norm(node);
    require_norm(node);
    require(node.inputs.size() == 5 && node.inputs[0] == at_ &&
                setting_of(node, "given_statistics") == std::vector{1.0},
            node);
    layers_.back().norm = Norm::batch;
    add_scale(node, {1, 2, 3, 4});
    step(node);
  }

  void read_layer_norm(const Node& node) {
    require_norm(node);
    require(node.inputs[0] == at_ && shape_of(at_).rank() == 2, node);
    layers_.back().norm = Norm::layer;
    add_scale(node, {1, 2});
    step(node);
  }

  // Of all samples' groups at once, without numbers of its own; then back, times gamma and plus beta. Where a
  // group is one channel, that of the only one, gamma and beta may be its own.
  void read_group_norm(const Node& node) {
    require_norm(node);
    const auto& grouped = shape_of(at_);
    require(node.inputs[0] == at_ && grouped.rank() == 3 && grouped[0] == 1 && grouped[1] % samples_ == 0,
            node);
    auto& layer = layers_.back();
    layer.norm = Norm::group;
    layer.groups = grouped[1] / samples_;
    step(node);
    while (readers().size() == 1 && readers().front()->op->name() == "reshape") step(*readers().front());
    if (program_.number_at(node.inputs[1]) != 1.0 || program_.number_at(node.inputs[2]) != 0.0) {
      require(layer.weights.shape()[0] == 1, node);
      return add_scale(node, {1, 2});
    }
    for (const auto* op : {"multiply", "add"}) {
      require(readers().size() == 1 && readers().front()->op->name() == op, node);
      const auto& next = *readers().front();
      const auto other = next.inputs[0] == at_ ? 1U : 0U;
      require(is_by_features(next.inputs[other]) && shape_of(next.outputs[0]) == shape_of(at_), next);
      add_scale(next, {other});
      step(next);
    }
  }
  void read_activation(const Node& node, Activation activation) {
    require(!layers_.back().activation && !layers_.back().pooled, node);
    layers_.back().activation = activation;
    step(node);
  }

  void read_pooling(const Node& node) {
    const std::vector two{2.0, 2.0};
    auto& layer = layers_.back();
    const auto& src = shape_of(at_);
    const auto& dst = shape_of(node.outputs[0]);
    require(layer.activation && !layer.pooled && layer.weights.shape().rank() == 4 &&
                setting_of(node, "kernel") == two && setting_of(node, "stride") == two &&
                setting_of(node, "padding") == std::vector{0.0, 0.0} &&
                setting_of(node, "dilation") == std::vector{1.0, 1.0} && dst[2] == src[2] / 2 &&
                dst[3] == src[3] / 2,
            node);
    layer.pooled = true;
    step(node);
  }

  void read_gelu() {
    const auto* first = readers().empty() ? nullptr : readers().front();
    if (first == nullptr) throw Error{"has an output that does not follow from its images"};
    const auto end = program_.gelu_of(at_);
    if (!end) refuse(*first, "whose operand is used more than once");
    require(!layers_.empty() && !layers_.back().activation && !layers_.back().pooled, *first);
    layers_.back().activation = Activation::gelu;
    at_ = *end;
  }

  ChainProgram program_;
  std::int64_t samples_;
  std::size_t at_;
  std::size_t logits_;
  std::vector<ChainLayer> layers_;
};

}  // namespace

std::vector<ChainLayer> read_chain(const Var& images, const Var& logits) {
  return ChainReader{images, logits}.read();
}

}  // namespace keel::tools
