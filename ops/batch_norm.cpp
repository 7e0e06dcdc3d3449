#include "keel/ops/batch_norm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "keel/graph/tape.hpp"
#include "keel/ops/batch_norm_f32.hpp"
#include "keel/ops/batch_norm_op.hpp"
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

// A feature's values: `pixels` in a row, of each sample; a row-major (N, C) array has images of one pixel.
struct Sizes {
  std::int64_t samples;
  std::int64_t features;
  std::int64_t pixels;

  [[nodiscard]] std::int64_t count() const { return samples * pixels; }
};

Sizes sizes_of(const Shape& shape) {
  return {shape[0], shape[1], elements_between(shape, 2, shape.rank())};
}

// Calls `each` with the place of every value of feature `c`.
template <class Each>
void for_each_value(const Sizes& sizes, std::int64_t c, const Each& each) {
  for (std::int64_t n = 0; n < sizes.samples; ++n) {
    const auto first = (n * sizes.features + c) * sizes.pixels;
    for (std::int64_t i = first; i < first + sizes.pixels; ++i) each(i);
  }
}

void require_samples(const ValueType& src) {
  const auto rank = src.shape.rank();
  if (rank >= 2) return;
  throw ShapeError{fmt::format("src must have 2 axes (N, C) or more, (N, C, H, W) for one, not {} as in {}",
                               rank, to_string(src.shape))};
}

// Two passes: E[x^2] - E[x]^2 would cancel where the mean is large.
void reference_statistics(const Sizes& sizes, const double* src, double* mean, double* variance) {
  const auto count = static_cast<double>(sizes.count());
  for (std::int64_t c = 0; c < sizes.features; ++c) {
    double sum = 0.0;
    for_each_value(sizes, c, [&](auto i) { sum += src[i]; });
    mean[c] = sum / count;
    double squares = 0.0;
    for_each_value(sizes, c, [&](auto i) { squares += std::pow(src[i] - mean[c], 2); });
    variance[c] = squares / count;
  }
}

Kernel reference_forward(const BatchNormSettings& settings, const Binding& binding) {
  const auto mean = settings.given_statistics ? binding.input<double>(3) : binding.output<double>(1);
  const auto variance = settings.given_statistics ? binding.input<double>(4) : binding.output<double>(2);
  return {[=, at = NormalizationSlots<double>{binding}, sizes = sizes_of(binding.input_type(0).shape)] {
            if (!settings.given_statistics)
              reference_statistics(sizes, at.src.get(), mean.get(), variance.get());
            for (std::int64_t c = 0; c < sizes.features; ++c) {
              const double scale = at.gamma.get()[c] / std::sqrt(variance.get()[c] + settings.epsilon);
              for_each_value(sizes, c, [&](auto i) {
                at.dst.get()[i] = scale * (at.src.get()[i] - mean.get()[c]) + at.beta.get()[c];
              });
            }
          },
          "reference"};
}

// With xhat = (x - mean) / s and s = sqrt(variance + epsilon), per feature and over its N values,
//
//   dbeta = sum dy,   dgamma = sum dy xhat.
//
// x reaches the loss through xhat directly, through the mean (d mean / dx = 1/N) and through the variance
// (d variance / dx_i = 2 (x_i - mean) / N). With dxhat = gamma dy:
//
//   d variance = sum dxhat (x - mean) * (-1/2) s^-3 = -(gamma / 2 s^2) dgamma
//   d mean     = -(1/s) sum dxhat = -(gamma / s) dbeta, as what comes by the variance, sum (x - mean), is 0
//   dx_i       = dxhat_i / s + 2 (x_i - mean) / N d variance + d mean / N
//              = (gamma / s) (dy_i - dbeta / N - xhat_i dgamma / N).
//
// With given statistics only the first term is left: dx = (gamma / s) dy.
Kernel reference_backward(const BatchNormSettings& settings, const Binding& binding) {
  return {
      [=, at = NormalizationBackwardSlots<double>{binding}, sizes = sizes_of(binding.input_type(0).shape)] {
        const auto count = static_cast<double>(sizes.count());
        for (std::int64_t c = 0; c < sizes.features; ++c) {
          const double inverse = 1.0 / std::sqrt(at.variance.get()[c] + settings.epsilon);
          const auto xhat = [&](std::int64_t i) { return (at.src.get()[i] - at.mean.get()[c]) * inverse; };
          double dgamma = 0.0;
          double dbeta = 0.0;
          for_each_value(sizes, c, [&](auto i) {
            dgamma += at.grad_dst.get()[i] * xhat(i);
            dbeta += at.grad_dst.get()[i];
          });
          for_each_value(sizes, c, [&](auto i) {
            const double through_statistics =
                settings.given_statistics ? 0.0 : (dbeta + xhat(i) * dgamma) / count;
            at.grad_src.get()[i] = at.gamma.get()[c] * inverse * (at.grad_dst.get()[i] - through_statistics);
          });
          at.grad_gamma.get()[c] = dgamma;
          at.grad_beta.get()[c] = dbeta;
        }
      },
      "reference"};
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
  Term mean;
  Term deviation;
  Term variance;
  Term inverse;
  Term xhat;

  Normalized(std::span<const Var> inputs, double epsilon, bool given, const SourceLocation& line)
      : axes(all_but_features(inputs[0].shape().rank())),
        feature_shape(with_ones(inputs[0].shape(), axes)),
        where(line),
        mean(given ? by_feature(inputs[3]) : Term{inputs[0], where}.mean(axes)),
        deviation(Term{inputs[0], where} - mean),
        variance(given ? by_feature(inputs[4]) : square(deviation).mean(axes)),
        inverse(1.0 / sqrt(variance + epsilon)),
        xhat(deviation * inverse) {}

  // (C) beside (N, C, ...)
  [[nodiscard]] Term by_feature(const Var& values) const {
    return Term{values, where}.reshaped(feature_shape);
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
  if (sizes_of(inputs[0].shape).count() < 2) {
    throw ShapeError{
        "training normalizes by the batch's own variance and needs more than one sample, or pixel; "
        "drop the batch of one, or use inference, which normalizes by running statistics"};
  }
  const ValueType statistic{Shape{inputs[0].shape[1]}, inputs[0].dtype};
  return {inputs[0], statistic, statistic};
}

Kernel BatchNormOp::bind(const Binding& binding) const {
  return binding.output_type(0).dtype == DType::f64 ? reference_forward(settings_, binding)
                                                    : batch_norm_forward_f32(settings_, binding);
}

Formats BatchNormOp::formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                             std::span<const ValueType> outputs) const {
  return formats_like_src(inputs, present, outputs);
}

std::vector<Var> BatchNormOp::expand(std::span<const Var> inputs, const SourceLocation& where) const {
  const Normalized x{inputs, settings_.epsilon, settings_.given_statistics, where};
  const Term dst = x.by_feature(inputs[1]) * x.xhat + x.by_feature(inputs[2]);
  if (settings_.given_statistics) return {dst.var};
  const auto features = inputs[1].shape();
  return {dst.var, x.mean.reshaped(features).var, x.variance.reshaped(features).var};
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
  if (binding.output_type(0).shape.elements() == 0) return zeros(binding);
  return binding.output_type(0).dtype == DType::f64 ? reference_backward(settings_, binding)
                                                    : batch_norm_backward_f32(settings_, binding);
}

std::vector<Var> BatchNormBackwardOp::expand(std::span<const Var> inputs, const SourceLocation& where) const {
  if (settings_.fused_relu) throw Error{"a fused batch_norm+relu is differentiated before it is fused"};
  const Normalized x{inputs, settings_.epsilon, true, where};
  const Term grad_dst{inputs[5], where};
  const Term dbeta = grad_dst.sum(x.axes);
  const Term dgamma = (grad_dst * x.xhat).sum(x.axes);
  const auto features = inputs[1].shape();
  const Term scale = x.by_feature(inputs[1]) * x.inverse;
  const double of_each = 1.0 / static_cast<double>(sizes_of(inputs[0].shape()).count());
  const Term through_statistics = (dbeta + x.xhat * dgamma) * of_each;
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

Var batch_norm_inference(const Var& src, const Var& gamma, const Var& beta, const Var& mean,
                         const Var& variance, double epsilon, const SourceLocation& where) {
  const auto op =
      std::make_shared<BatchNormOp>(BatchNormSettings{.epsilon = epsilon, .given_statistics = true});
  return record(op, {src, gamma, beta, mean, variance}, where);
}

}  // namespace keel
