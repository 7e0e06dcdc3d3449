// Programs such as people train, in which the fusion rules find their patterns.

#include "generator.hpp"

namespace keel::differential {
namespace {

std::size_t batch_norm(Draft& draft, std::size_t src) {
  return add_operator(draft, "batch_norm", src);
}

void add_loss(Draft& draft, std::size_t src) {
  if (draft.builder.shape(src).rank() != 2) src = draft.builder.add_step("flatten", {src}, {1});
  switch (draft.below(4)) {
    case 0:
      return void(add_operator(draft, "mse", src));
    case 1:
      return;
    default:
      return void(add_operator(draft, "cross_entropy", src));
  }
}

// linear, perhaps batch norm, an activation, dropout; twice or so.
void add_perceptron(Draft& draft) {
  auto value = draft.input({draft.extent(draft.chance(80) ? 33 : 257), draft.extent()});
  for (auto layers = 1 + draft.below(3); layers > 0; --layers) {
    value = add_operator(draft, "linear", value);
    if (draft.chance(40)) value = batch_norm(draft, value);
    if (draft.chance(80)) value = draft.builder.add_step("relu", {value});
    if (draft.chance(20)) value = add_operator(draft, "dropout", value);
  }
  add_loss(draft, value);
}

// A convolution, perhaps batch norm, ReLU, pooling, and now and then a strided 1x1 shortcut around them.
void add_convolutional(Draft& draft) {
  const auto side = draft.extent(11);
  auto value = draft.input({draft.extent(4), draft.extent(20), side, side});
  for (auto layers = 1 + draft.below(2); layers > 0; --layers) {
    const auto shape = Shape{draft.builder.shape(value)};
    const auto source = value;
    value = add_operator(draft, "conv2d", value);
    if (draft.chance(50)) value = batch_norm(draft, value);
    if (draft.chance(70)) value = draft.builder.add_step("relu", {value});
    if (draft.chance(30)) {
      const auto& dst = draft.builder.shape(value);
      const auto stride = 1 + draft.below(2);
      const auto weights = draft.parameter({dst[1], shape[1], 1, 1});
      const auto shortcut =
          draft.builder.add_step("conv2d", {source, weights}, {double(stride), double(stride), 0, 0});
      if (draft.builder.shape(shortcut) == dst) value = draft.builder.add_step("add", {value, shortcut});
    }
    if (draft.chance(30))
      value = add_operator(draft, draft.chance(50) ? "max_pool2d" : "average_pool2d", value);
  }
  if (draft.chance(60)) add_loss(draft, value);
}

// Batch norm and ReLU by themselves, in either format.
void add_normalized(Draft& draft) {
  auto value = draft.input(draft.shape(draft.chance(60) ? 2 : 4));
  value = add_operator(draft, draft.chance(75) ? "batch_norm" : "batch_norm_inference", value);
  draft.builder.add_step("relu", {value});
}

// What stands before a classifier's loss.
void add_logits(Draft& draft) {
  const auto logits = draft.input({draft.extent(65), draft.extent(65)});
  if (draft.chance(50)) return void(add_operator(draft, "cross_entropy", logits));
  const auto logs = draft.builder.add_step("log_softmax", {logits}, {-1});
  add_operator(draft, "nll", logs);
  if (draft.chance(30)) draft.builder.add_step("exp", {logs});
}

// A 1x1 convolution that strides over an image of few channels, as a shortcut does.
void add_shortcut(Draft& draft) {
  const auto side = draft.extent(draft.chance(50) ? 16 : 33);
  const auto channels = draft.extent(20);
  const auto src = draft.input({draft.extent(5), channels, side, draft.chance(70) ? side : draft.extent()});
  const auto weights = draft.parameter({draft.extent(33), channels, 1, 1});
  const auto stride = static_cast<double>(2 + draft.below(2));
  std::vector<std::size_t> operands{src, weights};
  if (draft.chance(50)) operands.push_back(draft.parameter({draft.builder.shape(weights)[0]}));
  draft.builder.add_step("conv2d", operands, {stride, draft.chance(80) ? stride : 1.0, 0, 0});
}

// One sum of very many terms: larger than a cache, too.
void add_long_sum(Draft& draft) {
  const auto rows = 2000 + draft.below(draft.chance(20) ? 200'000 : 20'000);
  const auto columns = 1 + draft.below(draft.chance(80) ? 3 : 20);
  const auto kind =
      draft.one_of<ValueKind>({ValueKind::normal, ValueKind::constant, ValueKind::positive, draft.kind});
  const auto src = draft.input({rows, columns}, kind);
  switch (draft.below(4)) {
    case 0:
      return void(add_operator(draft, "batch_norm", src));
    case 1:
      return void(add_operator(draft, "linear", src));
    case 2:
      return void(add_operator(draft, "mean", src));
    default:
      return void(add_operator(draft, "sum", src));
  }
}

}  // namespace

void add_pattern(Draft& draft) {
  const auto draw = draft.below(100);
  if (draw < 35) return add_perceptron(draft);
  if (draw < 70) return add_convolutional(draft);
  if (draw < 82) return add_normalized(draft);
  if (draw < 88) return add_shortcut(draft);
  if (draw < 96) return add_logits(draft);
  add_long_sum(draft);
}

}  // namespace keel::differential
