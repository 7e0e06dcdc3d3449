#include "keel/ops/layer_norm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "keel/graph/tape.hpp"
#include "keel/ops/layer_norm_f32.hpp"
#include "keel/ops/normalization.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

struct Sizes {
  std::int64_t rows;
  std::int64_t features;
};

Sizes sizes_of(const Shape& shape) {
  const auto features = shape[shape.rank() - 1];
  return {shape.elements() / features, features};
}

// Mean and variance have the shape of src without its last axis.
ValueType statistic_of(const ValueType& src) {
  return {Shape{src.shape.extents().first(src.shape.rank() - 1)}, src.dtype};
}

void require_inputs(const ValueType& src, const ValueType& gamma, const ValueType& beta) {
  if (src.shape.rank() < 2) {
    throw ShapeError{fmt::format("src must have 2 axes or more, the last one of features, not be {}",
                                 to_string(src.shape))};
  }
  const Shape features{src.shape[src.shape.rank() - 1]};
  if (features[0] == 0) {
    throw ShapeError{fmt::format("axis {} of {} has no features to normalize", src.shape.rank() - 1,
                                 to_string(src.shape))};
  }
  require_shape(gamma, features, "gamma");
  require_shape(beta, features, "beta");
}

Kernel reference_forward(double epsilon, const Binding& binding) {
  const auto mean = binding.output<double>(1);
  const auto variance = binding.output<double>(2);
  return {[=, at = NormalizationSlots<double>{binding}, sizes = sizes_of(binding.input_type(0).shape)] {
            const auto [rows, features] = sizes;
            for (std::int64_t row = 0; row < rows; ++row) {
              const auto* x = at.src.get() + row * features;
              auto* y = at.dst.get() + row * features;
              double sum = 0.0;
              for (std::int64_t c = 0; c < features; ++c) sum += x[c];
              const double center = sum / static_cast<double>(features);
              double squares = 0.0;
              for (std::int64_t c = 0; c < features; ++c) squares += std::pow(x[c] - center, 2);
              mean.get()[row] = center;
              variance.get()[row] = squares / static_cast<double>(features);
              const double inverse = 1.0 / std::sqrt(variance.get()[row] + epsilon);
              for (std::int64_t c = 0; c < features; ++c)
                y[c] = at.gamma.get()[c] * (x[c] - center) * inverse + at.beta.get()[c];
            }
          },
          "reference"};
}

// With xhat = (x - mean) / s and s = sqrt(variance + epsilon) of one row of C features, summed over rows,
//
//   dbeta = sum dy,   dgamma = sum dy xhat.
//
// Within a row it is batch normalization turned by ninety degrees: x reaches the loss through xhat directly,
// through the mean (d mean / dx = 1/C) and through the variance (d variance / dx_i = 2 (x_i - mean) / C). The
// difference is that gamma varies along the sum. With dxhat = gamma dy, and sums over the row's features,
//
//   d variance = sum dxhat (x - mean) * (-1/2) s^-3 = -(1 / 2 s^2) sum dxhat xhat
//   d mean     = -(1/s) sum dxhat
//   dx_i       = dxhat_i / s + 2 (x_i - mean) / C d variance + d mean / C
//              = (1/s) (dxhat_i - mean of dxhat - xhat_i * mean of (dxhat xhat)).
Kernel reference_backward(double epsilon, const Binding& binding) {
  return {
      [=, at = NormalizationBackwardSlots<double>{binding}, sizes = sizes_of(binding.input_type(0).shape)] {
        const auto [rows, features] = sizes;
        std::fill_n(at.grad_gamma.get(), features, 0.0);
        std::fill_n(at.grad_beta.get(), features, 0.0);
        for (std::int64_t row = 0; row < rows; ++row) {
          const auto* x = at.src.get() + row * features;
          const auto* dy = at.grad_dst.get() + row * features;
          const double center = at.mean.get()[row];
          const double inverse = 1.0 / std::sqrt(at.variance.get()[row] + epsilon);
          double direct = 0.0;
          double projected = 0.0;
          for (std::int64_t c = 0; c < features; ++c) {
            const double xhat = (x[c] - center) * inverse;
            const double dxhat = at.gamma.get()[c] * dy[c];
            direct += dxhat / static_cast<double>(features);
            projected += dxhat * xhat / static_cast<double>(features);
            at.grad_gamma.get()[c] += dy[c] * xhat;
            at.grad_beta.get()[c] += dy[c];
          }
          for (std::int64_t c = 0; c < features; ++c) {
            const double xhat = (x[c] - center) * inverse;
            at.grad_src.get()[row * features + c] =
                inverse * (at.gamma.get()[c] * dy[c] - direct - xhat * projected);
          }
        }
      },
      "reference"};
}

// Inputs: src, gamma, beta, mean, variance, grad_dst. Outputs: the gradients of src, gamma, beta. The
// derivation is above `reference_backward`.
class LayerNormBackwardOp final : public Operator {
 public:
  explicit LayerNormBackwardOp(double epsilon) : epsilon_(epsilon) {}
  [[nodiscard]] std::string_view name() const override { return "layer_norm_backward"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &LayerNormBackwardOp::epsilon_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    require_inputs(inputs[0], inputs[1], inputs[2]);
    require_shape(inputs[3], statistic_of(inputs[0]).shape, "mean");
    require_shape(inputs[4], statistic_of(inputs[0]).shape, "variance");
    require_shape(inputs[5], inputs[0].shape, "grad_dst");
    return {inputs[0], inputs[1], inputs[2]};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    if (binding.output_type(0).shape.elements() == 0) return zeros(binding);
    return binding.output_type(0).dtype == DType::f64 ? reference_backward(epsilon_, binding)
                                                      : layer_norm_backward_f32(epsilon_, binding);
  }

  // By what forward left of the statistics: the derivative by these goes on through forward's.
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override {
    const Term src{inputs[0], where};
    const Term grad_dst{inputs[5], where};
    const auto one_a_row = with_ones(inputs[0].shape(), {-1});
    const Term variance = Term{inputs[4], where}.reshaped(one_a_row);
    const Term inverse = 1.0 / sqrt(variance + epsilon_);
    const Term xhat = (src - Term{inputs[3], where}.reshaped(one_a_row)) * inverse;
    const Term dxhat = Term{inputs[1], where} * grad_dst;
    const Term grad_src = inverse * (dxhat - dxhat.mean({-1}) - xhat * (dxhat * xhat).mean({-1}));
    const auto features = inputs[1].shape();
    return {grad_src.var, sum_to((grad_dst * xhat).var, features, where), sum_to(inputs[5], features, where)};
  }

 private:
  double epsilon_;
};

// The operator behind `layer_norm`. Inputs: src, gamma, beta. Outputs: dst and, for the derivative, mean and
// variance, whose shape is that of src without its last axis.
class LayerNormOp final : public Operator {
 public:
  explicit LayerNormOp(double epsilon) : epsilon_(epsilon) {}
  [[nodiscard]] std::string_view name() const override { return "layer_norm"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &LayerNormOp::epsilon_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"epsilon", epsilon_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    require_epsilon(epsilon_);
    require_inputs(inputs[0], inputs[1], inputs[2]);
    const auto statistic = statistic_of(inputs[0]);
    return {inputs[0], statistic, statistic};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.output_type(0).dtype == DType::f64 ? reference_forward(epsilon_, binding)
                                                      : layer_norm_forward_f32(epsilon_, binding);
  }

  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override {
    const Term src{inputs[0], where};
    const Term mean = src.mean({-1});
    const Term deviation = src - mean;
    const Term variance = square(deviation).mean({-1});
    const Term xhat = deviation / sqrt(variance + epsilon_);
    const Term dst = Term{inputs[1], where} * xhat + Term{inputs[2], where};
    const auto statistic = without(inputs[0].shape(), {-1});
    return {dst.var, mean.reshaped(statistic).var, variance.reshaped(statistic).var};
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    if (!context.output_grads[0].defined()) return with_statistics(*this, context, {});
    const std::array inputs{context.inputs[0],  context.inputs[1],  context.inputs[2],
                            context.outputs[1], context.outputs[2], context.output_grads[0]};
    auto grads = context.inputs[0].tape().record(std::make_shared<LayerNormBackwardOp>(epsilon_), inputs,
                                                 context.where);
    return with_statistics(*this, context, std::move(grads));
  }

 private:
  double epsilon_;
};

}  // namespace

Var layer_norm(const Var& src, const Var& gamma, const Var& beta, double epsilon,
               const SourceLocation& where) {
  return src.tape().record(std::make_shared<LayerNormOp>(epsilon), std::array{src, gamma, beta}, where)[0];
}

}  // namespace keel
