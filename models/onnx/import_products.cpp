// Products of matrices.

#include <array>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/transpose.hpp"

namespace keel::onnx {
namespace {

using Extents = std::vector<std::int64_t>;

// The axes in front of a matrix.
Extents batch_of(const Shape& shape) {
  const auto extents = shape.extents();
  return {extents.begin(), extents.end() - 2};
}

Var in_batch(const Var& src, Extents batch, const SourceLocation& where) {
  const auto matrix = src.shape().extents();
  batch.insert(batch.end(), matrix.end() - 2, matrix.end());
  return broadcast_to(src, Shape{batch}, where);
}

void matmul_of(Call& call) {
  const auto& where = call.where();
  Var a = call.real(0);
  Var b = call.real(1);
  const bool row = a.shape().rank() == 1;
  const bool column = b.shape().rank() == 1;
  if (a.shape().rank() == 0 || b.shape().rank() == 0) call.fail("its inputs must have an axis");
  if (row) a = expand_dims(a, 0, where);
  if (column) b = expand_dims(b, 1, where);
  const auto batch_a = batch_of(a.shape());
  const auto batch_b = batch_of(b.shape());
  if (batch_a != batch_b && !batch_a.empty() && !batch_b.empty()) {
    const auto batch = broadcast(Shape{batch_a}, Shape{batch_b}).extents();
    a = in_batch(a, batch, where);
    b = in_batch(b, batch, where);
  }
  Var dst = matmul(a, b, {}, where);
  if (row || column) {
    auto extents = dst.shape().extents();
    if (column) extents.pop_back();
    if (row) extents.erase(extents.end() - (column ? 1 : 2));
    dst = reshape_to(dst, Shape{extents}, where);
  }
  call.give(dst);
}

void gemm(Call& call) {
  const auto& where = call.where();
  const auto alpha = call.number("alpha", 1.0);
  const auto beta = call.number("beta", 1.0);
  const Transposes transposes{.src = call.flag("transA"), .weights = call.flag("transB")};
  const Var a = call.real(0);
  const Var b = call.real(1);
  if (a.shape().rank() != 2 || b.shape().rank() != 2) call.fail("its first two inputs must be matrices");
  const bool is_layer = alpha == 1.0 && beta == 1.0 && !transposes.src && transposes.weights;
  const bool has_bias = call.has(2) && call.rank(2) == 1 && call.extents(2)[0] == b.shape()[0];
  if (is_layer && (has_bias || !call.has(2)))
    return call.give(linear(a, b, has_bias ? call.real(2) : Var{}, where));
  Term product{matmul(a, b, transposes, where), where};
  if (alpha != 1.0) product = product * alpha;
  if (call.has(2)) product = product + (beta == 1.0 ? call.term(2) : call.term(2) * beta);
  call.give(product);
}

}  // namespace

std::span<const OperatorEntry> product_operators() {
  static constexpr std::array entries{
      OperatorEntry{"MatMul", 2, 2, 1, matmul_of},
      OperatorEntry{"Gemm", 2, 3, 1, gemm},
  };
  return entries;
}

}  // namespace keel::onnx
