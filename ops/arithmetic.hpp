#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// a + b with NumPy's broadcasting, f32 or f64.
Var add(const Var& a, const Var& b, const SourceLocation& where = SourceLocation::current());
/// a * b, element by element, with NumPy's broadcasting, f32 or f64.
Var multiply(const Var& a, const Var& b, const SourceLocation& where = SourceLocation::current());

inline Var operator+(const LocatedVar& a, const Var& b) {
  return add(a.var, b, a.where);
}
inline Var operator*(const LocatedVar& a, const Var& b) {
  return multiply(a.var, b, a.where);
}

/// The operator behind `add` and `multiply`.
class ArithmeticOp final : public Operator {
 public:
  enum class Kind : std::uint8_t { add, multiply };

  explicit ArithmeticOp(Kind kind) : kind_(kind) {}
  [[nodiscard]] std::string_view name() const override { return kind_ == Kind::add ? "add" : "multiply"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  template <class T>
  [[nodiscard]] Kernel loop(const Binding& binding) const;

  Kind kind_;
};

}  // namespace keel
