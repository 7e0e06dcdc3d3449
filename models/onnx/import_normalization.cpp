// Normalization by statistics.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "keel/models/onnx/call.hpp"
#include "keel/models/parameter.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/group_norm.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/pad.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/rms_norm.hpp"
#include "keel/ops/running_statistics.hpp"
#include "keel/ops/slice.hpp"

namespace keel::onnx {
namespace {

// Batch norm by the batch's statistics where the tape is that of training, or the file says so. ONNX's
// momentum is the weight of what was, its variance biased.
void batch_norm_of(Call& call) {
  const auto& where = call.where();
  const Var src = call.real(0);
  const auto epsilon = call.number("epsilon", 1e-5);
  const auto momentum = call.number("momentum", 0.9);
  if (call.opset() < 7 && !call.flag("is_test"))
    call.refuse("keel reads batch norms of opset 6 in inference alone");
  if (call.integer("spatial", 1) == 0) call.refuse("keel's batch norm has one mean a channel");
  const Term mean = call.term(3);
  const Term variance = call.term(4);
  if (call.flag("training_mode")) {
    const auto result = batch_norm_training(src, call.real(1), call.real(2), epsilon, where);
    call.give(result.dst);
    call.give(1, (mean * momentum + Term{result.mean, where} * (1.0 - momentum)).var, call.element(3));
    call.give(2, (variance * momentum + Term{result.variance, where} * (1.0 - momentum)).var,
              call.element(4));
    return;
  }
  if (call.wants(1) || call.wants(2)) call.refuse("keel's batch norm has no further outputs in inference");
  const auto is_parameter = [&](const Var& var) {
    const auto* parameter = parameter_of(call.tape().program().values[var.id()].storage);
    return parameter != nullptr && !parameter->frozen();
  };
  const bool trains =
      call.tape().mode() == Mode::training && is_parameter(mean.var) && is_parameter(variance.var);
  if (!trains)
    return call.give(
        batch_norm_inference(src, call.real(1), call.real(2), mean.var, variance.var, epsilon, where));
  const auto result = batch_norm_training(src, call.real(1), call.real(2), epsilon, where);
  call.give(result.dst);
  if (!call.tape().may_change(call.tape().program().values[mean.var.id()].storage)) return;
  const Var updates = call.node().updates->on(call.tape(), "updates", where);
  const auto count = src.shape().elements() / mean.var.shape()[0];  // a feature
  update_running_statistics(mean.var, variance.var, updates, result.mean, result.variance,
                            complement(momentum), count, where);
}

void instance_norm_of(Call& call) {
  call.give(
      instance_norm(call.real(0), call.real(1), call.real(2), call.number("epsilon", 1e-5), call.where()));
}

// Up to opset 20 gamma and beta are of the groups, then of the channels.
void group_norm_of(Call& call) {
  const auto& where = call.where();
  const auto groups = call.integer("num_groups");
  const Var src = call.real(0);
  if (src.shape().rank() < 2 || groups < 1 || src.shape()[1] % groups != 0)
    call.fail("its channels are no groups");
  const auto channels = src.shape()[1];
  const auto of_channels = [&](const Var& values) {
    if (values.shape() == Shape{channels}) return values;
    const Var stretched =
        broadcast_to(reshape(values, {groups, 1}, where), Shape{groups, channels / groups}, where);
    return reshape(stretched, {channels}, where);
  };
  call.give(group_norm(src, groups, of_channels(call.real(1)), of_channels(call.real(2)),
                       call.number("epsilon", 1e-5), where));
}

Axes axes_from(const Call& call, std::int64_t given) {
  const auto rank = static_cast<std::int64_t>(call.rank(0));
  if (given < -rank || given >= rank) call.fail(fmt::format("its axis {} is out of range", given));
  Axes axes;
  for (auto axis = given < 0 ? given + rank : given; axis < rank; ++axis) axes.push_back(axis);
  return axes;
}

void layer_norm_of(Call& call) {
  const auto& where = call.where();
  const auto axes = axes_from(call, call.integer("axis", -1));
  const auto epsilon = call.number("epsilon", 1e-5);
  const Term src = call.term(0);
  const Shape features{src.var.shape().extents().back()};
  const bool is_own = axes.size() == 1 && src.var.shape().rank() >= 2 && call.has(2) && !call.wants(1) &&
                      !call.wants(2) && call.real(1).shape() == features && call.real(2).shape() == features;
  if (is_own) return call.give(layer_norm(src.var, call.real(1), call.real(2), epsilon, where));
  const Term mean = src.mean(axes);
  const Term centred = src - mean;
  const Term deviation = sqrt(square(centred).mean(axes) + epsilon);
  const Term normalized = centred / deviation * call.term(1);
  call.give(call.has(2) ? normalized + call.term(2) : normalized);
  call.give(1, mean.var, call.element(0));
  call.give(2, (1.0 / deviation).var, call.element(0));
}

void rms_norm_of(Call& call) {
  const auto axes = axes_from(call, call.integer("axis", -1));
  const Term src = call.term(0);
  call.give(src / sqrt(square(src).mean(axes) + call.number("epsilon", 1e-5)) * call.term(1));
}

void mean_variance_norm(Call& call) {
  const auto axes = call.integers("axes", {0, 2, 3});
  const Term src = call.term(0);
  const Term centred = src - src.mean(axes);
  call.give(centred / sqrt(square(centred).mean(axes) + 1e-9));
}

void norm_of_axis(Call& call) {
  const auto p = call.integer("p", 2);
  const Axes axes{call.integer("axis", -1)};
  const Term src = call.term(0);
  if (p != 1 && p != 2) call.fail("attribute 'p' is neither 1 nor 2");
  call.give(src / (p == 2 ? sqrt(square(src).sum(axes))
                          : Term{abs(src.var, call.where()), call.where()}.sum(axes)));
}

// By the squares of neighbouring channels (Krizhevsky, Sutskever and Hinton 2012).
void local_response_norm(Call& call) {
  const auto& where = call.where();
  const auto size = call.integer("size");
  const Term src = call.term(0);
  const Shape shape = src.var.shape();
  constexpr std::int64_t widest = 1024;
  if (size < 1 || size > widest || shape.rank() < 2) call.refuse("its size is out of range");
  std::vector<PadWidths> widths(shape.rank());
  widths[1] = {(size - 1) / 2, size / 2};
  const Var squares = pad(square(src).var, widths, {}, where);
  Term sum{slice(squares, 1, 0, shape[1], where), where};
  for (std::int64_t i = 1; i < size; ++i) sum = sum + Term{slice(squares, 1, i, i + shape[1], where), where};
  const Term scale =
      sum * (call.number("alpha", 1e-4) / static_cast<double>(size)) + call.number("bias", 1.0);
  call.give(src / Term{pow(scale.var, call.number("beta", 0.75), where), where});
}

}  // namespace

std::span<const OperatorEntry> normalization_operators() {
  static constexpr std::array entries{
      OperatorEntry{"BatchNormalization", 5, 5, 5, batch_norm_of},
      OperatorEntry{"InstanceNormalization", 3, 3, 1, instance_norm_of},
      OperatorEntry{"GroupNormalization", 3, 3, 1, group_norm_of},
      OperatorEntry{"LayerNormalization", 2, 3, 3, layer_norm_of},
      OperatorEntry{"RMSNormalization", 2, 2, 1, rms_norm_of},
      OperatorEntry{"MeanVarianceNormalization", 1, 1, 1, mean_variance_norm},
      OperatorEntry{"LpNormalization", 1, 1, 1, norm_of_axis},
      OperatorEntry{"LRN", 1, 1, 1, local_response_norm},
  };
  return entries;
}

}  // namespace keel::onnx
