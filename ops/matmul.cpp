#include "keel/ops/matmul.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "keel/graph/tape.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// What a product computes: (rows, inner) * (inner, columns), and how its operands are stored.
struct Product {
  std::int64_t rows;
  std::int64_t inner;
  std::int64_t columns;
  Transposes transposes;
  bool bias = false;
  bool relu = false;
  std::optional<float> accumulate = {};  // into input 2, which then stands for dst
};

// Up to how many rows the inner product primitive is the faster one: by 1.4 to 3 times for one row of 64 to
// 2048 features, even or better at eight; at sixteen it is up to seven times slower.
constexpr std::int64_t few_rows = 8;

Kernel onednn_product(const Product& product, const Binding& binding) {
  const auto [rows, inner, columns, transposes] =
      std::tuple{product.rows, product.inner, product.columns, product.transposes};
  const auto src = onednn::matrix(rows, inner, transposes.src);
  const auto dst = onednn::matrix(rows, columns);
  const bool by_inner_product =
      rows <= few_rows && !transposes.src && transposes.weights && !product.accumulate;
  const auto weights =
      by_inner_product ? onednn::matrix(columns, inner) : onednn::matrix(inner, columns, transposes.weights);
  std::optional<onednn::Desc> bias;
  if (product.bias) bias = by_inner_product ? onednn::dense({columns}) : onednn::matrix(1, columns);
  auto call = by_inner_product ? onednn::inner_product(src, weights, bias, dst, product.relu)
                               : onednn::matmul(src, weights, bias, dst,
                                                {.relu = product.relu, .accumulate = product.accumulate});
  call.argument(DNNL_ARG_SRC, src, binding.input_slot(0));
  call.argument(DNNL_ARG_WEIGHTS, weights, binding.input_slot(1));
  if (bias) call.argument(DNNL_ARG_BIAS, *bias, binding.input_slot(2));
  call.argument(DNNL_ARG_DST, dst, product.accumulate ? binding.input_slot(2) : binding.output_slot(0));
  return finish(std::move(call), binding);
}

Kernel reference_product(const Product& product, const Binding& binding) {
  const auto src = binding.input<const double>(0);
  const auto weights = binding.input<const double>(1);
  const auto dst = binding.output<double>(0);
  const SlotView<const double> bias = product.bias ? binding.input<const double>(2) : weights;
  return {[=] {
            const auto [rows, inner, columns, transposes] =
                std::tuple{product.rows, product.inner, product.columns, product.transposes};
            for (std::int64_t i = 0; i < rows; ++i) {
              for (std::int64_t j = 0; j < columns; ++j) {
                double sum = product.bias ? bias.get()[j] : 0.0;
                for (std::int64_t k = 0; k < inner; ++k) {
                  const auto a = src.get()[transposes.src ? k * rows + i : i * inner + k];
                  const auto b = weights.get()[transposes.weights ? j * inner + k : k * columns + j];
                  sum += a * b;
                }
                dst.get()[i * columns + j] = product.relu ? std::max(sum, 0.0) : sum;
              }
            }
          },
          "reference"};
}

Kernel bind_product(const Product& product, const Binding& binding) {
  return binding.output_type(0).dtype == DType::f64 ? reference_product(product, binding)
                                                    : onednn_product(product, binding);
}

// `cost` with a multiplication and an addition for each element of the product and each term of its sum.
Cost with_product(Cost cost, const Shape& src, const Shape& dst) {
  const auto inner = src.elements() / dst[0];
  cost.flops = 2.0 * static_cast<double>(dst.elements()) * static_cast<double>(inner);
  return cost;
}

}  // namespace

std::vector<ValueType> MatmulOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_rank(inputs[0], 2, "src");
  require_rank(inputs[1], 2, "weights");
  const auto& [src, weights] = std::pair{inputs[0].shape, inputs[1].shape};
  const auto inner = src[transposes_.src ? 0 : 1];
  if (inner != weights[transposes_.weights ? 1 : 0]) {
    throw ShapeError{
        fmt::format("the inner extents {} and {} differ", inner, weights[transposes_.weights ? 1 : 0])};
  }
  return {{{src[transposes_.src ? 1 : 0], weights[transposes_.weights ? 0 : 1]}, inputs[0].dtype}};
}

Cost MatmulOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return with_product(Operator::cost(inputs, outputs), inputs[0].shape, outputs[0].shape);
}

Kernel MatmulOp::bind(const Binding& binding) const {
  const auto& src = binding.input_type(0).shape;
  const auto& dst = binding.output_type(0).shape;
  return bind_product(
      {.rows = dst[0], .inner = src[transposes_.src ? 0 : 1], .columns = dst[1], .transposes = transposes_},
      binding);
}

// With C = A B and upstream G: dA = G B^T and dB = A^T G. Where an operand is stored transposed, its gradient
// is the transpose of that: (G B^T)^T = B G^T and (A^T G)^T = G^T A.
std::vector<Var> MatmulOp::vjp(const VjpContext& context) const {
  const auto& a = context.inputs[0];
  const auto& b = context.inputs[1];
  const auto& grad = context.output_grads[0];
  const auto [ta, tb] = transposes_;
  std::vector<Var> grads(2);
  if (context.needed[0]) {
    grads[0] = ta ? matmul(b, grad, {tb, true}, context.where) : matmul(grad, b, {false, !tb}, context.where);
  }
  if (context.needed[1]) {
    grads[1] = tb ? matmul(grad, a, {true, ta}, context.where) : matmul(a, grad, {!ta, false}, context.where);
  }
  return grads;
}

std::vector<ValueType> MatmulIntoVelocityOp::infer(std::span<const ValueType> inputs) const {
  const auto product = MatmulOp{transposes_}.infer(inputs.first(2))[0];
  require_dtype(product, DType::f32, "the product");
  require_shape(inputs[2], product.shape, "the velocity");
  return {};
}

Cost MatmulIntoVelocityOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return with_product(Operator::cost(inputs, outputs), inputs[0].shape, inputs[2].shape);
}

Kernel MatmulIntoVelocityOp::bind(const Binding& binding) const {
  const auto& dst = binding.input_type(2).shape;
  return onednn_product({.rows = dst[0],
                         .inner = binding.input_type(0).shape[transposes_.src ? 0 : 1],
                         .columns = dst[1],
                         .transposes = transposes_,
                         .accumulate = static_cast<float>(momentum_)},
                        binding);
}

std::vector<ValueType> LinearOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_rank(inputs[0], 2, "src");
  require_rank(inputs[1], 2, "weights");
  const auto& [src, weights] = std::pair{inputs[0].shape, inputs[1].shape};
  if (src[1] != weights[1]) {
    throw ShapeError{fmt::format("src has {} features, weights (out, in) expect {}", src[1], weights[1])};
  }
  if (inputs.size() == 3 && inputs[2].shape != Shape{weights[0]}) {
    throw ShapeError{
        fmt::format("bias must be ({}), one an output, not {}", weights[0], to_string(inputs[2].shape))};
  }
  return {{{src[0], weights[0]}, inputs[0].dtype}};
}

Cost LinearOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return with_product(Operator::cost(inputs, outputs), inputs[0].shape, outputs[0].shape);
}

Kernel LinearOp::bind(const Binding& binding) const {
  const auto& src = binding.input_type(0).shape;
  return bind_product({.rows = src[0],
                       .inner = src[1],
                       .columns = binding.output_type(0).shape[1],
                       .transposes = {.src = false, .weights = true},
                       .bias = binding.inputs() == 3,
                       .relu = fused_relu_},
                      binding);
}

// y = x W^T + b: dx = G W, dW = G^T x, db = the sum of G over the batch.
std::vector<Var> LinearOp::vjp(const VjpContext& context) const {
  const auto& grad = context.output_grads[0];
  std::vector<Var> grads(context.inputs.size());
  if (context.needed[0]) grads[0] = matmul(grad, context.inputs[1], {}, context.where);
  if (context.needed[1]) grads[1] = matmul(grad, context.inputs[0], {.src = true}, context.where);
  if (grads.size() == 3 && context.needed[2])
    grads[2] = sum_to(grad, context.inputs[2].shape(), context.where);
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
