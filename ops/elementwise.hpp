#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// Functions of one array, element by element: any shape, f32 or f64. NaN gives NaN but for `exp` in f32.

/// -src.
Var negate(const Var& src, const SourceLocation& where = SourceLocation::current());
/// e to the power of src. In f32, oneDNN gives 0 for results below 2^-125, and infinity for NaN.
Var exp(const Var& src, const SourceLocation& where = SourceLocation::current());
/// The natural logarithm: -infinity for 0, NaN below. In f32, oneDNN is off by up to 4e-6 absolutely: near 1
/// few bits are right (log(1) is -1.4e-6).
Var log(const Var& src, const SourceLocation& where = SourceLocation::current());
/// The square root: NaN below 0. Its gradient is infinite at 0.
Var sqrt(const Var& src, const SourceLocation& where = SourceLocation::current());
/// src * src.
Var square(const Var& src, const SourceLocation& where = SourceLocation::current());

/// src where src > 0, else slope * src. The gradient at 0 is the slope, as in PyTorch. Throws Error when the
/// slope is negative or not finite: backward works from the result, whose sign must be src's.
Var leaky_relu(const Var& src, double slope = 0.01, const SourceLocation& where = SourceLocation::current());
/// 1 / (1 + exp(-src)), without overflow.
Var sigmoid(const Var& src, const SourceLocation& where = SourceLocation::current());
/// The hyperbolic tangent.
Var tanh(const Var& src, const SourceLocation& where = SourceLocation::current());
/// src times the normal distribution's cumulative function of it, (1 + erf(src / sqrt 2)) / 2 (Hendrycks and
/// Gimpel 2016): the exact form, PyTorch's default. NaN at -infinity, as there, and its gradient at either
/// infinity; in f32 oneDNN 3 gives NaN at infinity too.
Var gelu(const Var& src, const SourceLocation& where = SourceLocation::current());

/// `negate`.
inline Var operator-(const LocatedVar& src) {
  return negate(src.var, src.where);
}

/// The operator behind them; each kind is a row of the table in elementwise.cpp.
class ElementwiseOp final : public Operator {
 public:
  enum class Kind : std::uint8_t { negate, exp, log, sqrt, square, leaky_relu, sigmoid, tanh, gelu };

  /// `slope` is leaky_relu's.
  explicit ElementwiseOp(Kind kind, double slope = 0.0) : kind_(kind), slope_(slope) {}
  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t) const override { return true; }

 private:
  Kind kind_;
  double slope_;
};

/// grad_src = grad_dst times the derivative, of the activations. Inputs: grad_dst, and dst, or src for gelu.
class ElementwiseBackwardOp final : public Operator {
 public:
  explicit ElementwiseBackwardOp(ElementwiseOp::Kind kind, double slope = 0.0) : kind_(kind), slope_(slope) {}
  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t input) const override { return input == 0; }

 private:
  ElementwiseOp::Kind kind_;
  double slope_;
};

}  // namespace keel
