#include "keel/ops/batch_norm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/ops/all_reduce.hpp"
#include "keel/ops/batch_norm_f32.hpp"
#include "keel/ops/batch_norm_op.hpp"
#include "keel/ops/batch_norm_reference.hpp"
#include "keel/ops/normalization.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

void require_features(std::span<const ValueType> inputs, std::size_t first,
                      std::span<const char* const> roles) {
  for (std::size_t i = 0; i < roles.size(); ++i) {
    require_shape(inputs[first + i], Shape{inputs[0].shape[1]}, roles[i]);
  }
}

std::int64_t values_a_feature(const Shape& shape) {
  return shape[0] * elements_between(shape, 2, shape.rank());
}

void require_samples(const ValueType& src) {
  const auto rank = src.shape.rank();
  if (rank >= 2) return;
  throw ShapeError{fmt::format("src must have 2 axes (N, C) or more, (N, C, H, W) for one, not {} as in {}",
                               rank, to_string(src.shape))};
}

Axes all_but_features(std::size_t rank) {
  Axes axes{0};
  for (std::size_t axis = 2; axis < rank; ++axis) axes.push_back(static_cast<std::int64_t>(axis));
  return axes;
}

// src normalized, in other operators: by inputs 3 and 4 where `given`, else by its own statistics. Backward gets
// what forward left, and its derivative by these goes on through forward's.
struct Normalized {
  Axes axes;  // that the statistics are over
  Shape feature_shape;
  SourceLocation where;
  bool over_several_ranks;
  Term count;  // of all ranks
  Term mean;
  Term deviation;
  Term variance;
  Term inverse;
  Term xhat;

  Normalized(std::span<const Var> inputs, const BatchNormSettings& settings, bool given,
             const SourceLocation& line)
      : axes(all_but_features(inputs[0].shape().rank())),
        feature_shape(with_ones(inputs[0].shape(), axes)),
        where(line),
        over_several_ranks(settings.ranks.size() > 1),
        count(over_several_ranks ? count_of(inputs[0]) : Term{Var{}, where}),
        mean(given ? by_feature(inputs[3]) : mean_of(Term{inputs[0], where})),
        deviation(Term{inputs[0], where} - mean),
        variance(given ? by_feature(inputs[4]) : mean_of(square(deviation))),
        inverse(1.0 / sqrt(variance + settings.epsilon)),
        xhat(deviation * inverse) {}

  // (C) beside (N, C, ...)
  [[nodiscard]] Term by_feature(const Var& values) const {
    return Term{values, where}.reshaped(feature_shape);
  }

  // A sum over this rank's values as one over all ranks'.
  [[nodiscard]] Term of_all_ranks(const Term& sum) const {
    return over_several_ranks ? Term{all_reduce(sum.var, where), where} : sum;
  }
  [[nodiscard]] Term mean_of(const Term& values) const {
    return over_several_ranks ? of_all_ranks(values.sum(axes)) / count : values.mean(axes);
  }

 private:
  [[nodiscard]] Term count_of(const Var& src) const {
    const auto own = static_cast<double>(values_a_feature(src.shape()));
    return of_all_ranks({src.tape().constant(own, src.dtype()), where});
  }
};

// The arrays of src's shape lie as src does.
Formats formats_like_src(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                         std::span<const ValueType> outputs) {
  return formats_alike(inputs, std::vector(inputs.size(), present[0]), outputs);
}

}  // namespace

std::vector<ValueType> BatchNormOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_epsilon(settings_.epsilon);
  require_samples(inputs[0]);
  require_features(inputs, 1, std::array{"gamma", "beta"});
  if (settings_.given_statistics) {
    require_features(inputs, 3, std::array{"mean", "variance"});
    return {inputs[0]};
  }
  const ValueType statistic{Shape{inputs[0].shape[1]}, inputs[0].dtype};
  if (settings_.ranks.size() > 1) return {inputs[0], statistic, statistic, {Shape{}, inputs[0].dtype}};
  if (values_a_feature(inputs[0].shape) < 2) {
    throw ShapeError{
        "training normalizes by the batch's own variance and needs more than one sample, or pixel; "
        "drop the batch of one, or use inference, which normalizes by running statistics"};
  }
  return {inputs[0], statistic, statistic};
}

Kernel BatchNormOp::bind(const Binding& binding) const {
  return binding.output_type(0).dtype == DType::f64 ? batch_norm_forward_reference(settings_, binding)
                                                    : batch_norm_forward_f32(settings_, binding);
}

Formats BatchNormOp::formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                             std::span<const ValueType> outputs) const {
  return formats_like_src(inputs, present, outputs);
}

std::vector<Var> BatchNormOp::expand(std::span<const Var> inputs, const SourceLocation& where) const {
  const Normalized x{inputs, settings_, settings_.given_statistics, where};
  const Term dst = x.by_feature(inputs[1]) * x.xhat + x.by_feature(inputs[2]);
  if (settings_.given_statistics) return {dst.var};
  const auto features = inputs[1].shape();
  std::vector<Var> outputs{dst.var, x.mean.reshaped(features).var, x.variance.reshaped(features).var};
  if (x.over_several_ranks) outputs.push_back(x.count.var);
  return outputs;
}

std::vector<Var> BatchNormOp::vjp(const VjpContext& context) const {
  const bool given = settings_.given_statistics;
  if (settings_.fused_relu) throw Error{"a fused batch_norm+relu is differentiated before it is fused"};
  if (!context.output_grads[0].defined()) return with_statistics(*this, context, {});
  const auto& statistics = given ? context.inputs.subspan(3, 2) : context.outputs.subspan(1, 2);
  const std::array inputs{context.inputs[0], context.inputs[1], context.inputs[2],
                          statistics[0],     statistics[1],     context.output_grads[0]};
  auto grads = context.inputs[0].tape().record(std::make_shared<BatchNormBackwardOp>(settings_), inputs,
                                               context.where);
  if (!given) return with_statistics(*this, context, std::move(grads));
  grads.resize(5);
  if (context.needed[3] || context.needed[4]) {
    const auto expanded = Operator::vjp(context);
    std::copy_n(expanded.begin() + 3, 2, grads.begin() + 3);
  }
  return grads;
}

std::vector<ValueType> BatchNormBackwardOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_samples(inputs[0]);
  require_features(inputs, 1, std::array{"gamma", "beta", "mean", "variance"});
  require_shape(inputs[5], inputs[0].shape, "grad_dst");
  if (settings_.fused_relu) require_shape(inputs[6], inputs[0].shape, "dst");
  return {inputs[0], inputs[1], inputs[2]};
}

Kernel BatchNormBackwardOp::bind(const Binding& binding) const {
  if (binding.output_type(0).shape.elements() == 0 && settings_.ranks.size() == 1) return zeros(binding);
  return binding.output_type(0).dtype == DType::f64 ? batch_norm_backward_reference(settings_, binding)
                                                    : batch_norm_backward_f32(settings_, binding);
}

std::vector<Var> BatchNormBackwardOp::expand(std::span<const Var> inputs, const SourceLocation& where) const {
  if (settings_.fused_relu) throw Error{"a fused batch_norm+relu is differentiated before it is fused"};
  const Normalized x{inputs, settings_, true, where};
  const Term grad_dst{inputs[5], where};
  const Term dbeta = grad_dst.sum(x.axes);
  const Term dgamma = (grad_dst * x.xhat).sum(x.axes);
  const auto features = inputs[1].shape();
  const Term scale = x.by_feature(inputs[1]) * x.inverse;
  const Term sums = x.of_all_ranks(dbeta) + x.xhat * x.of_all_ranks(dgamma);
  const auto own = static_cast<double>(values_a_feature(inputs[0].shape()));
  const Term through_statistics = x.over_several_ranks ? sums / x.count : sums * (1.0 / own);
  const Term grad_src = scale * (settings_.given_statistics ? grad_dst : grad_dst - through_statistics);
  return {grad_src.var, dgamma.reshaped(features).var, dbeta.reshaped(features).var};
}

Formats BatchNormBackwardOp::formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                     std::span<const ValueType> outputs) const {
  return formats_like_src(inputs, present, outputs);
}

BatchNormResult batch_norm_training(const Var& src, const Var& gamma, const Var& beta, double epsilon,
                                    const SourceLocation& where) {
  const std::array inputs{src, gamma, beta};
  const auto op = std::make_shared<BatchNormOp>(BatchNormSettings{.epsilon = epsilon});
  const auto outputs = src.tape().record(op, inputs, where);
  return {outputs[0], outputs[1], outputs[2]};
}

SynchronizedBatchNormResult synchronized_batch_norm(const Var& src, const Var& gamma, const Var& beta,
                                                    double epsilon, const SourceLocation& where) {
  const auto& ranks = src.tape().ranks();
  if (ranks.size() == 1) {
    const auto [dst, mean, variance] = batch_norm_training(src, gamma, beta, epsilon, where);
    return {dst, mean, variance, {}};
  }
  const std::array inputs{src, gamma, beta};
  const auto op = std::make_shared<BatchNormOp>(BatchNormSettings{.epsilon = epsilon, .ranks = ranks});
  const auto outputs = src.tape().record(op, inputs, where);
  return {outputs[0], outputs[1], outputs[2], outputs[3]};
}

Var batch_norm_inference(const Var& src, const Var& gamma, const Var& beta, const Var& mean,
                         const Var& variance, double epsilon, const SourceLocation& where) {
  const auto op =
      std::make_shared<BatchNormOp>(BatchNormSettings{.epsilon = epsilon, .given_statistics = true});
  return record(op, {src, gamma, beta, mean, variance}, where);
}

}  // namespace keel
