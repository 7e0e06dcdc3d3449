#include "keel/ops/arithmetic.hpp"

#include "keel/graph/tape.hpp"
#include "keel/ops/broadcasting.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/types.hpp"

namespace keel {

std::vector<ValueType> ArithmeticOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  return {{broadcast(inputs[0].shape, inputs[1].shape), inputs[0].dtype}};
}

template <class T>
Kernel ArithmeticOp::loop(const Binding& binding) const {
  return {[kind = kind_, a = binding.input<const T>(0), b = binding.input<const T>(1),
           dst = binding.output<T>(0), a_shape = binding.input_type(0).shape,
           b_shape = binding.input_type(1).shape, shape = binding.output_type(0).shape] {
            const auto count = shape.elements();
            for (std::int64_t i = 0; i < count; ++i) {
              const T left = a.get()[broadcast_index(i, shape, a_shape)];
              const T right = b.get()[broadcast_index(i, shape, b_shape)];
              dst.get()[i] = kind == Kind::add ? left + right : left * right;
            }
          },
          "reference"};
}

Kernel ArithmeticOp::bind(const Binding& binding) const {
  if (binding.output_type(0).dtype == DType::f64) return loop<double>(binding);
  // oneDNN stretches its second source alone; both operators commute, so the one to be stretched goes there.
  const auto& shape = binding.output_type(0).shape;
  const std::size_t whole = padded(binding.input_type(0).shape, shape.rank()) == shape ? 0 : 1;
  if (padded(binding.input_type(whole).shape, shape.rank()) != shape) return loop<float>(binding);

  const auto src0 = onednn::dense(shape);
  const auto src1 = onednn::dense(padded(binding.input_type(1 - whole).shape, shape.rank()));
  const auto algorithm = kind_ == Kind::add ? dnnl::algorithm::binary_add : dnnl::algorithm::binary_mul;
  auto call = onednn::binary(algorithm, src0, src1, src0);
  call.argument(DNNL_ARG_SRC_0, src0, binding.input_slot(whole));
  call.argument(DNNL_ARG_SRC_1, src1, binding.input_slot(1 - whole));
  call.argument(DNNL_ARG_DST, src0, binding.output_slot(0));
  return finish(std::move(call), binding);
}

// The gradient of an operand that was stretched is summed over the axes along which it was.
std::vector<Var> ArithmeticOp::vjp(const VjpContext& context) const {
  const auto& grad = context.output_grads[0];
  std::vector<Var> grads(2);
  for (std::size_t i = 0; i < 2; ++i) {
    if (!context.needed[i]) continue;
    const Var whole = kind_ == Kind::add ? grad : multiply(grad, context.inputs[1 - i], context.where);
    grads[i] = sum_to(whole, context.inputs[i].shape(), context.where);
  }
  return grads;
}

Var add(const Var& a, const Var& b, const SourceLocation& where) {
  return record(std::make_shared<ArithmeticOp>(ArithmeticOp::Kind::add), {a, b}, where);
}

Var multiply(const Var& a, const Var& b, const SourceLocation& where) {
  return record(std::make_shared<ArithmeticOp>(ArithmeticOp::Kind::multiply), {a, b}, where);
}

}  // namespace keel
