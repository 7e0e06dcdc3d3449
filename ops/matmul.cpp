#include "keel/ops/matmul.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/matmul_op.hpp"
#include "keel/ops/product.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

std::int64_t rows_of(const Shape& matrix) {
  return matrix[matrix.rank() - 2];
}

std::int64_t columns_of(const Shape& matrix) {
  return matrix[matrix.rank() - 1];
}

// Where weights are one matrix, the rows of all src's matrices are those of a single large one.
Product product_of(const Shape& src, const Shape& weights, Transposes transposes) {
  Product product{.rows = transposes.src ? columns_of(src) : rows_of(src),
                  .inner = transposes.src ? rows_of(src) : columns_of(src),
                  .columns = transposes.weights ? rows_of(weights) : columns_of(weights),
                  .transposes = transposes,
                  .src_batched = src.rank() > 2,
                  .weights_batched = weights.rank() > 2};
  const auto& batched = product.weights_batched ? weights : src;
  product.batch = elements_between(batched, 0, batched.rank() - 2);
  if (!product.weights_batched && !transposes.src) {
    product.rows *= product.batch;
    product.batch = 1;
  }
  return product;
}

// `cost` with a multiplication and an addition for each element of the product and each term of its sum.
Cost with_product(Cost cost, const Shape& dst, std::int64_t inner) {
  cost.flops = 2.0 * static_cast<double>(dst.elements()) * static_cast<double>(inner);
  return cost;
}

void require_matrices(const ValueType& type, std::string_view role) {
  if (type.shape.rank() >= 2) return;
  throw ShapeError{fmt::format("{} must have 2 axes or more, not {} as in {}", role, type.shape.rank(),
                               to_string(type.shape))};
}

// The matrices of a batch under one another, or a vector as the one row of a matrix.
Var rows_together(const Var& batch, const SourceLocation& where) {
  const Shape shape = batch.shape();
  if (shape.rank() == 2) return batch;
  return reshape(batch, {elements_between(shape, 0, shape.rank() - 1), columns_of(shape)}, where);
}

// The axes in front of those of the matrices.
std::vector<std::int64_t> leading_extents(const Shape& shape) {
  const auto extents = shape.extents().first(shape.rank() - 2);
  return {extents.begin(), extents.end()};
}

}  // namespace

std::vector<ValueType> MatmulOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_matrices(inputs[0], "src");
  require_matrices(inputs[1], "weights");
  const auto& src = inputs[0].shape;
  const auto& weights = inputs[1].shape;
  const auto src_inner = transposes_.src ? rows_of(src) : columns_of(src);
  const auto weights_inner = transposes_.weights ? columns_of(weights) : rows_of(weights);
  if (src_inner != weights_inner) {
    throw ShapeError{fmt::format("the inner extents {} and {} differ", src_inner, weights_inner)};
  }
  auto extents = leading_extents(src.rank() > 2 ? src : weights);
  if (src.rank() > 2 && weights.rank() > 2 && extents != leading_extents(weights)) {
    throw ShapeError{fmt::format("the leading extents ({}) and ({}) differ", fmt::join(extents, ", "),
                                 fmt::join(leading_extents(weights), ", "))};
  }
  extents.push_back(transposes_.src ? columns_of(src) : rows_of(src));
  extents.push_back(transposes_.weights ? rows_of(weights) : columns_of(weights));
  return {{Shape{extents}, inputs[0].dtype}};
}

Cost MatmulOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  const auto product = product_of(inputs[0].shape, inputs[1].shape, transposes_);
  return with_product(Operator::cost(inputs, outputs), outputs[0].shape, product.inner);
}

Kernel MatmulOp::bind(const Binding& binding) const {
  return bind_product(product_of(binding.input_type(0).shape, binding.input_type(1).shape, transposes_),
                      binding);
}

// With C = A B and upstream G: dA = G B^T and dB = A^T G. Where an operand is stored transposed, its gradient
// is the transpose of that: (G B^T)^T = B G^T and (A^T G)^T = G^T A. In a batch this holds for each product,
// and the gradient of an operand that all of them share is the sum over the batch: as the rows of all A and G
// under one another where that takes no copy, sum_b A_b^T G_b being A^T G for those.
std::vector<Var> MatmulOp::vjp(const VjpContext& context) const {
  Var a = context.inputs[0];
  const auto& b = context.inputs[1];
  Var grad = context.output_grads[0];
  const auto [ta, tb] = transposes_;
  const auto& where = context.where;
  std::vector<Var> grads(2);
  if (context.needed[0]) {
    const Var each = ta ? matmul(b, grad, {tb, true}, where) : matmul(grad, b, {false, !tb}, where);
    grads[0] = sum_to(each, a.shape(), where);
  }
  if (context.needed[1]) {
    if (b.shape().rank() == 2 && !ta) {
      a = rows_together(a, where);
      grad = rows_together(grad, where);
    }
    const Var each = tb ? matmul(grad, a, {true, ta}, where) : matmul(a, grad, {!ta, false}, where);
    grads[1] = sum_to(each, b.shape(), where);
  }
  return grads;
}

std::vector<ValueType> MatmulIntoVelocityOp::infer(std::span<const ValueType> inputs) const {
  const auto product = MatmulOp{transposes_}.infer(inputs.first(2))[0];
  require_dtype(product, DType::f32, "the product");
  require_rank(product, 2, "the product");
  require_shape(inputs[2], product.shape, "the velocity");
  return {};
}

Cost MatmulIntoVelocityOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  const auto product = product_of(inputs[0].shape, inputs[1].shape, transposes_);
  return with_product(Operator::cost(inputs, outputs), inputs[2].shape, product.inner);
}

Kernel MatmulIntoVelocityOp::bind(const Binding& binding) const {
  auto product = product_of(binding.input_type(0).shape, binding.input_type(1).shape, transposes_);
  product.accumulate = static_cast<float>(momentum_);
  auto& velocity = binding.input_slot(2);
  return onednn_product(product, {binding.input_slot(0), binding.input_slot(1), nullptr, velocity}, binding);
}

std::vector<ValueType> LinearOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  const auto& [src, weights] = std::pair{inputs[0].shape, inputs[1].shape};
  if (src.rank() == 0) throw ShapeError{"src must have features along its last axis, and has no axes"};
  require_rank(inputs[1], 2, "weights");
  if (columns_of(src) != weights[1]) {
    throw ShapeError{fmt::format("src has {}, weights (out, in) expect {}",
                                 counted(columns_of(src), "feature"), weights[1])};
  }
  if (inputs.size() == 3 && inputs[2].shape != Shape{weights[0]}) {
    throw ShapeError{fmt::format("bias must be ({}), one for each output, not {}", weights[0],
                                 to_string(inputs[2].shape))};
  }
  std::vector extents(src.extents().begin(), src.extents().end());
  extents.back() = weights[0];
  return {{Shape{extents}, inputs[0].dtype}};
}

Cost LinearOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return with_product(Operator::cost(inputs, outputs), outputs[0].shape, inputs[1].shape[1]);
}

Kernel LinearOp::bind(const Binding& binding) const {
  const auto& src = binding.input_type(0).shape;
  return bind_product({.rows = elements_between(src, 0, src.rank() - 1),
                       .inner = columns_of(src),
                       .columns = binding.input_type(1).shape[0],
                       .transposes = {.src = false, .weights = true},
                       .bias = binding.inputs() == 3},
                      binding);
}

// y = x W^T + b: dx = G W, dW = G^T x, db = the sum of G over the batch, whatever axes the rows lie along.
std::vector<Var> LinearOp::vjp(const VjpContext& context) const {
  const auto& src = context.inputs[0];
  const auto& where = context.where;
  const Var grad = rows_together(context.output_grads[0], where);
  std::vector<Var> grads(context.inputs.size());
  if (context.needed[0])
    grads[0] = reshape_to(matmul(grad, context.inputs[1], {}, where), src.shape(), where);
  if (context.needed[1]) grads[1] = matmul(grad, rows_together(src, where), {.src = true}, where);
  if (grads.size() == 3 && context.needed[2]) grads[2] = sum_to(grad, context.inputs[2].shape(), where);
  return grads;
}

Var matmul(const Var& src, const Var& weights, Transposes transposes, const SourceLocation& where) {
  return record(std::make_shared<MatmulOp>(transposes), {src, weights}, where);
}

Var linear(const Var& src, const Var& weights, const Var& bias, const SourceLocation& where) {
  auto op = std::make_shared<LinearOp>();
  return bias.defined() ? record(op, {src, weights, bias}, where) : record(op, {src, weights}, where);
}

}  // namespace keel
