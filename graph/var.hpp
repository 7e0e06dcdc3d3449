#pragma once

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <utility>

#include "keel/runtime/shape.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

class Tape;

/// A value on a tape: a plain handle, cheap to copy. Using one whose tape is gone throws Error.
class Var {
 public:
  /// No value; `defined()` is false.
  Var() = default;

  [[nodiscard]] bool defined() const { return tape_ != nullptr; }
  /// The tape that the value is on. Throws Error when there is none, or none any more.
  [[nodiscard]] Tape& tape() const;
  /// The value's number on its tape.
  [[nodiscard]] std::size_t id() const { return id_; }
  /// A copy: the tape's own moves when the tape grows.
  [[nodiscard]] ValueType type() const;
  [[nodiscard]] Shape shape() const { return type().shape; }
  [[nodiscard]] DType dtype() const { return type().dtype; }

 private:
  friend class Tape;
  Var(Tape& tape, std::weak_ptr<const void> life, std::size_t id)
      : tape_(&tape), life_(std::move(life)), id_(id) {}

  Tape* tape_ = nullptr;
  std::weak_ptr<const void> life_;  // expires with the tape
  std::size_t id_ = 0;
};

/// What is known of a value before it is computed: type, operator and line. Of one that is stored, name and
/// elements.
///
///   f32 (64, 128), value 7: relu at model.cpp:12
std::string to_string(const Var& var);
std::ostream& operator<<(std::ostream& stream, const Var& var);

/// A Var with the source line of the expression that it stands in: how operators written as `a + b`, which
/// can take no further argument, learn where they were called.
struct LocatedVar {
  // Implicit on purpose: the conversion is what captures the caller's line.
  // NOLINTNEXTLINE(google-explicit-constructor)
  LocatedVar(Var value, SourceLocation caller = SourceLocation::current())
      : var(std::move(value)), where(caller) {}

  Var var;
  SourceLocation where;
};

}  // namespace keel
