// Sums of products: the error of each is a multiple of what the same sum of absolute values comes to.

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/ops/matmul_op.hpp"
#include "keel/ops/sgd_op.hpp"
#include "keel/runtime/error.hpp"
#include "oracle.hpp"

namespace keel::differential {
namespace {

// Values and magnitudes of a function that is linear in each of its inputs.
std::vector<Expected> linear_in_each(const std::shared_ptr<const Operator>& op, const NodeRun& run,
                                     std::int64_t terms) {
  auto values = in_f64(op, run.inputs).outputs;
  const auto magnitudes = in_f64(op, absolute(run.inputs)).outputs;
  std::vector<Expected> expected;
  for (std::size_t i = 0; i < values.size(); ++i)
    expected.push_back(
        scaled(std::move(values[i].data), product_sum_error(terms), magnitudes[i].data, terms));
  return expected;
}

// Padding is zeros, and zero times infinity is NaN: a kernel that multiplies them out and one that skips them
// are both right where the sum without them is finite.
void allow_padding(const NodeRun& run, std::vector<Expected>& expected) {
  bool finite = true;
  for (const auto& input : run.inputs)
    for (const double value : input.data) finite = finite && std::isfinite(value);
  if (finite) return;
  for (auto& output : expected) {
    for (std::size_t i = 0; i < output.values.size(); ++i) {
      if (std::isnan(output.values[i])) continue;
      output.values[i] = 0;
      output.bounds[i] = std::numeric_limits<double>::infinity();
    }
  }
}

// ReLU moves no two numbers apart, so the bound stays; a NaN stays, too.
std::int64_t inner_extent(const Shape& src, bool transposed) {
  return src[src.rank() - (transposed ? 2 : 1)];
}

Prediction matmul(const NodeRun& run) {
  const auto& op = dynamic_cast<const MatmulOp&>(*run.op);
  const auto terms = inner_extent(run.inputs[0].type.shape, op.transposes().src);
  return {linear_in_each(run.shared_op, run, terms), {}};
}

Prediction linear(const NodeRun& run) {
  const auto terms = run.inputs[1].type.shape[1] + 1;
  return {linear_in_each(run.shared_op, run, terms), {}};
}

Prediction conv2d(const NodeRun& run) {
  const auto& weights = run.inputs[1].type.shape;
  const auto terms = weights[1] * weights[2] * weights[3] + 1;
  auto expected = linear_in_each(run.shared_op, run, terms);
  allow_padding(run, expected);
  return {expected, {}};
}

Prediction conv2d_backward_data(const NodeRun& run) {
  const auto& weights = run.inputs[1].type.shape;
  const auto groups = run.outputs[0].type.shape[1] / weights[1];
  const auto terms = weights[0] / groups * weights[2] * weights[3];
  auto expected = linear_in_each(run.shared_op, run, terms);
  allow_padding(run, expected);
  return {expected, {}};
}

Prediction conv2d_backward_weights(const NodeRun& run) {
  const auto& grad = run.inputs[1].type.shape;
  auto expected = linear_in_each(run.shared_op, run, grad[0] * grad[2] * grad[3]);
  allow_padding(run, expected);
  return {expected, {}};
}

// The product that the tape had in place of the fused node, and the momentum of the update that read it.
struct VelocityParts {
  std::shared_ptr<const Operator> product;
  double momentum = 0.0;
};

VelocityParts velocity_parts(const NodeRun& run) {
  const auto& operands = run.node->inputs;
  for (const auto& update : run.recorded->nodes) {
    const auto* sgd = dynamic_cast<const SgdUpdateOp*>(update.op.get());
    if (sgd == nullptr) continue;
    for (std::size_t i = 0; i < sgd->accumulated().size(); ++i) {
      if (update.inputs[sgd->velocity_input(i)] != operands[2]) continue;
      const auto grad = update.inputs[sgd->grad_input(i).value()];
      for (const auto& node : run.recorded->nodes)
        if (std::ranges::count(node.outputs, grad) > 0) return {node.op, sgd->settings().momentum};
    }
  }
  throw Error{"the product of a matmul+velocity was not on the tape"};
}

// velocity = momentum * velocity + src * weights: one more term.
Prediction matmul_into_velocity(const NodeRun& run) {
  const auto [product, momentum] = velocity_parts(run);
  const auto& op = dynamic_cast<const MatmulOp&>(*product);
  const auto terms = inner_extent(run.inputs[0].type.shape, op.transposes().src) + 2;
  NodeRun factors = run;
  factors.inputs.resize(2);
  auto expected = linear_in_each(product, factors, terms)[0];
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    const double kept = momentum * run.inputs[2].data[i];
    expected.values[i] += kept;
    expected.bounds[i] += product_sum_error(terms) * std::abs(kept);
  }
  return {{}, {{2, expected}}};
}

}  // namespace

void add_product_oracles(Oracles& all) {
  all["matmul"] = matmul;
  all["linear"] = linear;
  all["conv2d"] = conv2d;
  all["conv2d_backward_data"] = conv2d_backward_data;
  all["conv2d_backward_weights"] = conv2d_backward_weights;
  all["matmul+velocity"] = matmul_into_velocity;
}

}  // namespace keel::differential
