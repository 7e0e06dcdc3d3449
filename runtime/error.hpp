#pragma once

#include <stdexcept>
#include <string>

#include "keel/runtime/source_location.hpp"

namespace keel {

/// Base of every exception that keel throws for a failure its caller can cause.
/// The text is one sentence: what was wrong, with which values, where, and what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes or element types that an operator can't take.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// A value that had to be finite is not: the run diverged, or its input was corrupt.
class NonFiniteError : public Error {
 public:
  using Error::Error;
};

/// An array was used that has no values: a parameter before `initialize`, a tensor that was moved from or never
/// given any.
class NoValuesError : public Error {
 public:
  using Error::Error;
};

/// `file:line` of a call, with the file's folders left out, as it appears in error texts.
std::string describe(const SourceLocation& where);

}  // namespace keel
