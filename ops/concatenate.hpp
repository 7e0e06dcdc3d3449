#pragma once

#include <initializer_list>

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The arrays one behind the other along `axis`, of any element type; negative axes count from the back.
/// Throws ShapeError unless all have one element type and, along the other axes, the same extents, and Error
/// when there are none.
Var concatenate(std::span<const Var> srcs, std::int64_t axis,
                const SourceLocation& where = SourceLocation::current());
Var concatenate(std::initializer_list<Var> srcs, std::int64_t axis,
                const SourceLocation& where = SourceLocation::current());

/// The operator behind `concatenate`.
class ConcatenateOp final : public Operator {
 public:
  explicit ConcatenateOp(std::int64_t axis) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "concatenate"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  std::int64_t axis_;
};

}  // namespace keel
