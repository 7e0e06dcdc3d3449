#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Which operands of a product are read transposed, without a copy.
struct Transposes {
  bool src = false;
  bool weights = false;
  bool operator==(const Transposes&) const = default;
};

/// dst = src * weights for matrices (m, k) and (k, n); an operand whose transpose flag is set is stored as
/// (k, m) or (n, k). Either may have leading axes in front, (..., m, k), which make it a batch of matrices:
/// both the same ones, or one operand none, which is then a factor of every product. f32 and f64, both
/// operands alike. Throws ShapeError otherwise.
Var matmul(const Var& src, const Var& weights, Transposes transposes = {},
           const SourceLocation& where = SourceLocation::current());

/// dst = src * weights^T + bias: src (..., in) to dst (..., out), weights (out, in) as PyTorch stores them, bias
/// (out) or undefined for none. All that is in front of the last axis are rows of one product.
Var linear(const Var& src, const Var& weights, const Var& bias = {},
           const SourceLocation& where = SourceLocation::current());

}  // namespace keel
