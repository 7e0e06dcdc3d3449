#pragma once

#include "keel/graph/operator.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Axis i of the result is axis `permutation[i]` of `src`, of any element type; none reverses the axes, as a
/// matrix's transpose does. Negative axes count from the back. Throws ShapeError when it does not name every
/// axis once.
Var transpose(const Var& src, const Axes& permutation = {},
              const SourceLocation& where = SourceLocation::current());

/// The operator behind `transpose`.
class TransposeOp final : public Operator {
 public:
  explicit TransposeOp(Axes permutation) : permutation_(std::move(permutation)) {}
  [[nodiscard]] std::string_view name() const override { return "transpose"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  [[nodiscard]] std::vector<std::size_t> permutation_of(const Shape& src) const;

  Axes permutation_;
};

}  // namespace keel
