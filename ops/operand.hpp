#pragma once

#include <optional>
#include <utility>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// One of several arguments of an operator: a Var, or a plain number, which is rounded to the others' element
/// type and becomes a stored scalar on their tape.
class Operand {
 public:
  // Implicit on purpose: it stands for either.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Operand(Var var) : var_(std::move(var)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Operand(double number) : number_(number) {}

  /// Whether it is a number.
  [[nodiscard]] bool is_number() const { return number_.has_value(); }
  [[nodiscard]] const Var& var() const { return var_; }
  /// The Var as it is, or the number as a scalar of that type on `tape`. Throws Error when it is not one.
  [[nodiscard]] Var as(DType dtype, Tape& tape, const SourceLocation& where) const;

 private:
  Var var_;
  std::optional<double> number_;
};

}  // namespace keel
