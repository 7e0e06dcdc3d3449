#include "keel/ops/fusion_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "keel/ops/batch_norm_op.hpp"
#include "keel/ops/cross_entropy_op.hpp"
#include "keel/ops/elementwise_op.hpp"
#include "keel/ops/matmul_op.hpp"
#include "keel/ops/reduce_op.hpp"
#include "keel/ops/sgd_op.hpp"
#include "keel/ops/softmax_op.hpp"

namespace keel {
namespace {

bool is_f32(const Rewriter& rewriter, std::size_t value) {
  return rewriter.value(value).type.dtype == DType::f32;
}

bool is_relu(const Rewriter& rewriter, std::size_t node) {
  const auto* op = rewriter.as<ElementwiseOp>(node);
  return op != nullptr && op->kind() == ElementwiseOp::Kind::relu;
}

bool is_relu_backward(const Rewriter& rewriter, std::size_t node) {
  const auto* op = rewriter.as<ElementwiseBackwardOp>(node);
  return op != nullptr && op->kind() == ElementwiseOp::Kind::relu;
}

// relu(batch_norm(x)): what is normalized is rectified while it is written.
bool fuse_batch_norm_relu(Rewriter& rewriter, std::size_t relu) {
  if (!is_relu(rewriter, relu)) return false;
  const auto normalized = rewriter.node(relu).inputs[0];
  const auto forward = rewriter.producer(normalized);
  if (!forward || rewriter.as<BatchNormOp>(*forward) == nullptr || !is_f32(rewriter, normalized))
    return false;
  auto& node = rewriter.node(*forward);
  if (normalized != node.outputs[0]) return false;  // but its mean or variance
  auto settings = rewriter.as<BatchNormOp>(*forward)->settings();
  if (settings.fused_relu || rewriter.only_reader(normalized) != relu) return false;
  settings.fused_relu = true;
  node.op = std::make_shared<BatchNormOp>(settings);
  node.outputs[0] = rewriter.node(relu).outputs[0];
  rewriter.remove(relu);
  return true;
}

// batch_norm_backward(relu_backward(g)): the gradient is masked while it is read.
bool fuse_batch_norm_backward(Rewriter& rewriter, std::size_t backward) {
  const auto* norm = rewriter.as<BatchNormBackwardOp>(backward);
  if (norm == nullptr || norm->settings().fused_relu) return false;
  auto& node = rewriter.node(backward);
  const auto masked = node.inputs[5];
  const auto mask = rewriter.producer(masked);
  if (!mask || !is_relu_backward(rewriter, *mask) || !is_f32(rewriter, masked)) return false;
  if (rewriter.only_reader(masked) != backward) return false;
  auto settings = norm->settings();
  settings.fused_relu = true;
  node.op = std::make_shared<BatchNormBackwardOp>(settings);
  node.inputs[5] = rewriter.node(*mask).inputs[0];
  node.inputs.push_back(rewriter.node(*mask).inputs[1]);
  rewriter.remove(*mask);
  return true;
}

// A log_softmax or its derivative that fits nll, which takes (N, C): the classes are the last axis.
template <class Op>
bool is_log_softmax(const Rewriter& rewriter, std::size_t node) {
  const auto* op = rewriter.as<Op>(node);
  return op != nullptr && op->logarithm() && (op->axis() == 1 || op->axis() == -1);
}

// nll(log_softmax(x)): one pass over the logits. The log-probabilities stay a value, which the backward pass
// reads.
bool fuse_cross_entropy(Rewriter& rewriter, std::size_t nll) {
  if (rewriter.as<NllOp>(nll) == nullptr) return false;
  const auto log_probabilities = rewriter.node(nll).inputs[0];
  const auto softmax = rewriter.producer(log_probabilities);
  if (!softmax || !is_log_softmax<SoftmaxOp>(rewriter, *softmax)) return false;
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
  if (!is_log_softmax<SoftmaxBackwardOp>(rewriter, softmax_backward)) return false;
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
  if (!backward || !is_relu_backward(rewriter, *backward) || !is_f32(rewriter, masked)) return false;
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
    FusionRule{"batch_norm+relu", fuse_batch_norm_relu},
    FusionRule{"batch_norm_backward+relu_backward", fuse_batch_norm_backward},
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
