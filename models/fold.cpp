#include "keel/models/fold.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "keel/graph/fusion.hpp"
#include "keel/graph/tape.hpp"
#include "keel/models/call.hpp"
#include "keel/models/fold_layer.hpp"
#include "keel/models/parameter.hpp"
#include "keel/ops/batch_norm_op.hpp"
#include "keel/ops/conv2d_op.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/matmul_op.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// Whether a node is a layer whose inputs are src, weights and, if any, bias, the weights' first axis being
// that of the features that come out, which batch norm has along axis 1.
bool has_weights(Rewriter& rewriter, std::size_t node) {
  if (rewriter.as<Conv2dOp>(node) != nullptr) return true;
  const auto dst = rewriter.node(node).outputs[0];
  return rewriter.as<LinearOp>(node) != nullptr && rewriter.value(dst).type.shape.rank() == 2;
}

double element(const Tensor& tensor, std::size_t i) {
  return tensor.dtype() == DType::f64 ? tensor.data<double>()[i] : tensor.data<float>()[i];
}

void set_element(const Tensor& tensor, std::size_t i, double value) {
  if (tensor.dtype() == DType::f64)
    tensor.data<double>()[i] = value;
  else
    tensor.data<float>()[i] = static_cast<float>(value);
}

using Norm = detail::NormValues;
using Folded = detail::FoldedLayer;

Folded fold(const Tensor& weights, const Tensor& bias, const Norm& norm) {
  const auto features = static_cast<std::size_t>(weights.shape()[0]);
  const auto inner = static_cast<std::size_t>(weights.shape().elements()) / features;
  Folded folded{Tensor{weights.type()}, Tensor{norm.beta.type()}};
  for (std::size_t c = 0; c < features; ++c) {
    const double scale = element(norm.gamma, c) / std::sqrt(element(norm.variance, c) + norm.epsilon);
    for (std::size_t i = c * inner; i < (c + 1) * inner; ++i)
      set_element(folded.weights, i, scale * element(weights, i));
    const double shift = (bias.defined() ? element(bias, c) : 0.0) - element(norm.mean, c);
    set_element(folded.bias, c, scale * shift + element(norm.beta, c));
  }
  return folded;
}

bool fold_into_the_layer_before(Rewriter& rewriter, std::size_t index) {
  const auto* op = rewriter.as<BatchNormOp>(index);
  if (op == nullptr || !op->settings().given_statistics || op->settings().fused_relu) return false;
  const auto norm = rewriter.node(index);
  const auto layer = rewriter.producer(norm.inputs[0]);
  if (!layer || !has_weights(rewriter, *layer) || rewriter.only_reader(norm.inputs[0]) != index) return false;
  auto& node = rewriter.node(*layer);
  const auto stored = [&](std::size_t id) { return rewriter.value(id).storage; };
  for (std::size_t i = 1; i < node.inputs.size(); ++i)
    if (!stored(node.inputs[i]).defined()) return false;
  for (std::size_t i = 1; i < norm.inputs.size(); ++i)
    if (!stored(norm.inputs[i]).defined()) return false;

  const auto folded = fold(stored(node.inputs[1]), node.inputs.size() > 2 ? stored(node.inputs[2]) : Tensor{},
                           {stored(norm.inputs[1]), stored(norm.inputs[2]), stored(norm.inputs[3]),
                            stored(norm.inputs[4]), op->settings().epsilon});
  const auto name = [&](std::size_t i, std::string_view otherwise) {
    const std::string present = i < node.inputs.size() ? rewriter.value(node.inputs[i]).name : "";
    return fmt::format("folded {}", present.empty() ? otherwise : present);
  };
  const auto bias_name = name(2, "bias");
  node.inputs = {node.inputs[0], rewriter.add_stored(folded.weights, name(1, "weights")),
                 rewriter.add_stored(folded.bias, bias_name)};
  node.outputs = norm.outputs;
  rewriter.remove(index);
  return true;
}

// What was folded must not be mixed with what the model learns later.
bool copy_stored(Rewriter& rewriter, std::size_t index) {
  bool any = false;
  const auto inputs = rewriter.node(index).inputs;
  for (const auto id : inputs) {
    const auto value = rewriter.value(id);
    if (value.kind != ValueKind::stored || parameter_of(value.storage) == nullptr) continue;
    const auto copy = rewriter.add_stored(value.storage.clone(), value.name);
    for (const auto reader : std::vector(rewriter.readers(id).begin(), rewriter.readers(id).end()))
      std::ranges::replace(rewriter.node(reader).inputs, id, copy);
    any = true;
  }
  return any;
}

constexpr FusionRule fold_rule{"batch_norm into the layer before", fold_into_the_layer_before};

void refuse_what_is_left(const Program& program) {
  for (const auto& node : program.nodes) {
    const auto* op = dynamic_cast<const BatchNormOp*>(node.op.get());
    if (op == nullptr || op->settings().of_groups) continue;
    if (!op->settings().given_statistics) {
      throw Error{
          fmt::format("the batch norm at {} can't be folded: "
                      "in training it normalizes by each batch's own statistics; record it for inference",
                      describe(node.where))};
    }
    throw Error{
        fmt::format("the batch norm at {} can't be folded: "
                    "it must be directly behind a layer with weights whose output nothing else reads",
                    describe(node.where))};
  }
}

}  // namespace

void detail::fold_program(Program& program, std::span<const std::size_t> outputs) {
  fuse(program, outputs, {&fold_rule, 1});
  refuse_what_is_left(program);
}

FoldedInference fold_batch_norm(const std::function<Var(const Var&)>& model, const ValueType& batch,
                                Mode mode) {
  Tape tape{mode};
  const Var input = tape.input(batch, "batch");
  const Var dst = detail::computed(model(input), SourceLocation::current());
  std::vector<FusionRule> rules{{"values of its own", copy_stored}, fold_rule};
  rules.insert(rules.end(), fusion_rules().begin(), fusion_rules().end());
  Plan plan{tape, std::span{&dst, 1}, {.rules = rules}};
  refuse_what_is_left(plan.program());
  return {std::move(plan), input.id()};
}

detail::FoldedLayer detail::fold_layer(const Tensor& weights, const Tensor& bias, const NormValues& norm) {
  return fold(weights, bias, norm);
}

}  // namespace keel
