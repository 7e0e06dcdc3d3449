#include "keel/ops/fusion_rules.hpp"

#include <algorithm>
#include <array>

#include "keel/ops/batch_norm.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/sgd.hpp"
#include "keel/ops/softmax.hpp"

namespace keel {
namespace {

bool is_f32(const Rewriter& rewriter, std::size_t value) {
  return rewriter.value(value).type.dtype == DType::f32;
}

// relu(linear(x)): the matmul applies the ReLU to its product while it is in registers.
bool fuse_linear_relu(Rewriter& rewriter, std::size_t relu) {
  if (rewriter.as<ReluOp>(relu) == nullptr) return false;
  const auto product = rewriter.node(relu).inputs[0];
  const auto linear = rewriter.producer(product);
  if (!linear || rewriter.as<LinearOp>(*linear) == nullptr || rewriter.as<LinearOp>(*linear)->fused_relu())
    return false;
  if (rewriter.only_reader(product) != relu) return false;
  rewriter.node(*linear).op = std::make_shared<LinearOp>(true);
  rewriter.node(*linear).outputs = rewriter.node(relu).outputs;
  rewriter.remove(relu);
  return true;
}

// relu(conv2d(x)): alike.
bool fuse_conv2d_relu(Rewriter& rewriter, std::size_t relu) {
  if (rewriter.as<ReluOp>(relu) == nullptr) return false;
  const auto sum = rewriter.node(relu).inputs[0];
  const auto producer = rewriter.producer(sum);
  const auto* conv2d = producer ? rewriter.as<Conv2dOp>(*producer) : nullptr;
  if (conv2d == nullptr || conv2d->fused_relu() || rewriter.only_reader(sum) != relu) return false;
  auto& node = rewriter.node(*producer);
  node.op = std::make_shared<Conv2dOp>(conv2d->options(), true);
  node.outputs = rewriter.node(relu).outputs;
  rewriter.remove(relu);
  return true;
}

// relu(batch_norm(x)), and in training its backward as well, which shares the mask in the workspace: both or
// neither.
bool fuse_batch_norm_relu(Rewriter& rewriter, std::size_t relu) {
  if (rewriter.as<ReluOp>(relu) == nullptr) return false;
  const auto normalized = rewriter.node(relu).inputs[0];
  const auto forward = rewriter.producer(normalized);
  if (!forward || rewriter.as<BatchNormOp>(*forward) == nullptr || !is_f32(rewriter, normalized))
    return false;
  if (normalized != rewriter.node(*forward).outputs[0]) return false;  // but its mean or variance
  auto settings = rewriter.as<BatchNormOp>(*forward)->settings();
  if (settings.fused_relu || rewriter.only_reader(normalized) != relu) return false;
  const auto rectified = rewriter.node(relu).outputs[0];

  std::vector<std::pair<std::size_t, std::size_t>> backwards;  // relu_backward, batch_norm_backward
  for (const auto reader : rewriter.readers(rectified)) {
    if (rewriter.as<ReluBackwardOp>(reader) == nullptr || rewriter.node(reader).inputs[1] != rectified)
      continue;
    const auto masked = rewriter.node(reader).outputs[0];
    const auto next = rewriter.only_reader(masked);
    if (settings.given_statistics || !next || rewriter.as<BatchNormBackwardOp>(*next) == nullptr)
      return false;
    const auto& inputs = rewriter.node(*next).inputs;
    if (inputs[0] != rewriter.node(*forward).inputs[0] || inputs[3] != rewriter.node(*forward).outputs[1] ||
        inputs[5] != masked) {
      return false;
    }
    backwards.emplace_back(reader, *next);
  }

  settings.fused_relu = true;
  auto& node = rewriter.node(*forward);
  node.op = std::make_shared<BatchNormOp>(settings);
  node.outputs[0] = rectified;
  rewriter.remove(relu);
  if (settings.given_statistics) return true;
  std::vector<ValueType> inputs;
  for (const auto id : node.inputs) inputs.push_back(rewriter.value(id).type);
  node.outputs.push_back(rewriter.add_value(node.op->infer(inputs)[3]));
  for (const auto& [relu_backward, norm_backward] : backwards) {
    auto& backward = rewriter.node(norm_backward);
    backward.op = std::make_shared<BatchNormBackwardOp>(settings);
    backward.inputs[5] = rewriter.node(relu_backward).inputs[0];
    backward.inputs.push_back(node.outputs[3]);
    rewriter.remove(relu_backward);
  }
  return true;
}

// nll takes (N, C): the classes are the last axis.
bool is_along_classes(int axis) {
  return axis == 1 || axis == -1;
}

// nll(log_softmax(x)): one pass over the logits. The log-probabilities stay a value, which the backward pass
// reads.
bool fuse_cross_entropy(Rewriter& rewriter, std::size_t nll) {
  if (rewriter.as<NllOp>(nll) == nullptr) return false;
  const auto log_probabilities = rewriter.node(nll).inputs[0];
  const auto softmax = rewriter.producer(log_probabilities);
  if (!softmax || rewriter.as<LogSoftmaxOp>(*softmax) == nullptr) return false;
  if (!is_along_classes(rewriter.as<LogSoftmaxOp>(*softmax)->axis())) return false;
  // The fused node stands where the later one stood: stored logits might have been overwritten by then, and
  // every other reader of the log-probabilities must come after it.
  if (rewriter.value(rewriter.node(*softmax).inputs[0]).kind == ValueKind::stored) return false;
  for (const auto reader : rewriter.readers(log_probabilities)) {
    if (reader < nll) return false;
  }
  auto& node = rewriter.node(nll);
  node.op = std::make_shared<CrossEntropyOp>();
  node.inputs[0] = rewriter.node(*softmax).inputs[0];
  node.outputs.push_back(log_probabilities);
  rewriter.remove(*softmax);
  return true;
}

// log_softmax_backward(nll_backward(g)): softmax - onehot at once, without the array of zeros in between.
bool fuse_cross_entropy_backward(Rewriter& rewriter, std::size_t softmax_backward) {
  const auto* outer = rewriter.as<LogSoftmaxBackwardOp>(softmax_backward);
  if (outer == nullptr || !is_along_classes(outer->axis())) return false;
  auto& node = rewriter.node(softmax_backward);
  const auto nll_backward = rewriter.producer(node.inputs[0]);
  if (!nll_backward || rewriter.as<NllBackwardOp>(*nll_backward) == nullptr) return false;
  if (rewriter.only_reader(node.inputs[0]) != softmax_backward) return false;
  const auto& inner = rewriter.node(*nll_backward);
  node.op = std::make_shared<CrossEntropyBackwardOp>();
  node.inputs = {inner.inputs[0], inner.inputs[1], node.inputs[1]};
  rewriter.remove(*nll_backward);
  return true;
}

// sum_to(relu_backward(g)) over the batch: the bias gradient is summed while the masked gradient is written.
bool fuse_relu_backward_bias(Rewriter& rewriter, std::size_t sum) {
  const auto* reduce = rewriter.as<ReduceOp>(sum);
  if (reduce == nullptr || reduce->kind() != ReduceOp::Kind::sum) return false;
  const auto masked = rewriter.node(sum).inputs[0];
  const auto bias = rewriter.node(sum).outputs[0];
  const auto backward = rewriter.producer(masked);
  if (!backward || rewriter.as<ReluBackwardOp>(*backward) == nullptr || !is_f32(rewriter, masked))
    return false;
  const auto& shape = rewriter.value(masked).type.shape;
  const bool sums_rows = shape.rank() == 2 && reduce->kept(shape) == Shape{1, shape[1]};
  if (!sums_rows || rewriter.value(bias).type.shape != Shape{shape[1]}) return false;
  rewriter.node(*backward).op = std::make_shared<ReluBackwardBiasOp>();
  rewriter.node(*backward).outputs.push_back(bias);
  rewriter.remove(sum);
  return true;
}

// sgd_update of a matmul's product: the product goes straight into the velocity, and the sweep only applies
// it. Legal where nothing but the update reads the gradient, which under Nesterov's momentum it needs twice,
// and nothing reads the velocity before it.
bool fuse_matmul_into_velocity(Rewriter& rewriter, std::size_t update) {
  const auto* sgd = rewriter.as<SgdUpdateOp>(update);
  if (sgd == nullptr || !sgd->may_accumulate()) return false;
  for (std::size_t i = 0; i < sgd->accumulated().size(); ++i) {
    const auto input = sgd->grad_input(i);
    if (!input) continue;
    const auto grad = rewriter.node(update).inputs[*input];
    const auto velocity = rewriter.node(update).inputs[sgd->velocity_input(i)];
    const auto product = rewriter.producer(grad);
    if (!product || rewriter.as<MatmulOp>(*product) == nullptr || !is_f32(rewriter, grad)) continue;
    if (rewriter.value(grad).type.shape.rank() != 2) continue;  // a batch of products
    const bool repeated = std::ranges::count(rewriter.node(update).inputs, grad) > 1;
    if (repeated || rewriter.only_reader(grad) != update || rewriter.only_reader(velocity) != update)
      continue;

    auto& matmul = rewriter.node(*product);
    matmul.op = std::make_shared<MatmulIntoVelocityOp>(rewriter.as<MatmulOp>(*product)->transposes(),
                                                       sgd->settings().momentum);
    matmul.inputs.push_back(velocity);
    matmul.outputs.clear();
    auto accumulated = sgd->accumulated();
    accumulated[i] = true;
    auto& node = rewriter.node(update);
    node.inputs.erase(node.inputs.begin() + static_cast<std::ptrdiff_t>(*input));
    node.op = std::make_shared<SgdUpdateOp>(sgd->settings(), std::move(accumulated));
    return true;
  }
  return false;
}

constexpr std::array rules{
    FusionRule{"linear+relu", fuse_linear_relu},
    FusionRule{"conv2d+relu", fuse_conv2d_relu},
    FusionRule{"batch_norm+relu", fuse_batch_norm_relu},
    FusionRule{"log_softmax+nll", fuse_cross_entropy},
    FusionRule{"relu_backward+sum_to", fuse_relu_backward_bias},
    FusionRule{"matmul+velocity", fuse_matmul_into_velocity},
    FusionRule{"nll_backward+log_softmax_backward", fuse_cross_entropy_backward},
};

}  // namespace

std::span<const FusionRule> fusion_rules() {
  return rules;
}

}  // namespace keel
