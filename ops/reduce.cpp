#include "keel/ops/reduce.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/graph/tape.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/broadcasting.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

void require_stretches(const Shape& from, const Shape& to) {
  if (broadcast(from, to) == to) return;
  throw ShapeError{fmt::format("{} does not stretch to {}", to_string(from), to_string(to))};
}

Kernel reference_reduce(const Binding& binding, double scale) {
  return {[src = binding.input<const double>(0), dst = binding.output<double>(0), scale,
           src_shape = binding.input_type(0).shape, dst_shape = binding.output_type(0).shape] {
            std::fill_n(dst.get(), dst_shape.elements(), 0.0);
            const auto count = src_shape.elements();
            for (std::int64_t i = 0; i < count; ++i) {
              dst.get()[broadcast_index(i, src_shape, dst_shape)] += scale * src.get()[i];
            }
          },
          "reference"};
}

// Whether only leading axes are summed: then the array is a matrix whose rows are added up.
bool reduces_rows(const Shape& src, const Shape& dst) {
  std::size_t kept = 0;
  while (kept < dst.rank() && dst[dst.rank() - 1 - kept] == src[src.rank() - 1 - kept]) ++kept;
  return kept > 0 &&
         std::ranges::all_of(dst.extents().first(dst.rank() - kept), [](auto e) { return e == 1; });
}

// Bias gradients: oneDNN's reduction has only its generic kernel for this, a hundred times slower than the
// loop.
Kernel add_rows(const Binding& binding, float scale) {
  const auto columns = binding.output_type(0).shape.elements();
  const auto rows = binding.input_type(0).shape.elements() / columns;
  return {[src = binding.input<const float>(0), dst = binding.output<float>(0), rows, columns, scale] {
            loops::add_rows(src.get(), dst.get(), rows, columns, scale);
          },
          "loop"};
}

template <class T>
Kernel broadcast_loop(const Binding& binding, T scale) {
  return {[src = binding.input<const T>(0), dst = binding.output<T>(0), scale,
           src_shape = binding.input_type(0).shape, dst_shape = binding.output_type(0).shape] {
            const auto count = dst_shape.elements();
            if (src_shape.elements() == 1) {
              std::fill_n(dst.get(), count, scale * *src.get());
              return;
            }
            for (std::int64_t i = 0; i < count; ++i) {
              dst.get()[i] = scale * src.get()[broadcast_index(i, dst_shape, src_shape)];
            }
          },
          "loop"};
}

}  // namespace

std::vector<ValueType> ReduceOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_stretches(dst_, inputs[0].shape);
  return {{dst_, inputs[0].dtype}};
}

Kernel ReduceOp::bind(const Binding& binding) const {
  const auto& src_type = binding.input_type(0);
  const double scale = kind_ == Kind::mean ? static_cast<double>(dst_.elements()) /
                                                 static_cast<double>(src_type.shape.elements())
                                           : 1.0;
  if (src_type.dtype == DType::f64) return reference_reduce(binding, scale);
  const bool nothing_to_sum = dst_.elements() == src_type.shape.elements();  // oneDNN refuses that
  if (nothing_to_sum || reduces_rows(src_type.shape, dst_))
    return add_rows(binding, static_cast<float>(scale));

  const auto src = onednn::dense(src_type.shape);
  const auto dst = onednn::dense(padded(dst_, std::max<std::size_t>(src_type.shape.rank(), 1)));
  const auto algorithm =
      kind_ == Kind::mean ? dnnl::algorithm::reduction_mean : dnnl::algorithm::reduction_sum;
  auto call = onednn::reduction(algorithm, src, dst);
  call.argument(DNNL_ARG_SRC, src, binding.input_slot(0));
  call.argument(DNNL_ARG_DST, dst, binding.output_slot(0));
  return finish(std::move(call), binding);
}

std::vector<Var> ReduceOp::vjp(const VjpContext& context) const {
  const auto& src = context.inputs[0].shape();
  const double scale =
      kind_ == Kind::mean ? static_cast<double>(dst_.elements()) / static_cast<double>(src.elements()) : 1.0;
  return {record(std::make_shared<BroadcastOp>(src, scale), {context.output_grads[0]}, context.where)};
}

std::vector<ValueType> BroadcastOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_stretches(inputs[0].shape, dst_);
  return {{dst_, inputs[0].dtype}};
}

Kernel BroadcastOp::bind(const Binding& binding) const {
  return binding.output_type(0).dtype == DType::f64
             ? broadcast_loop<double>(binding, scale_)
             : broadcast_loop<float>(binding, static_cast<float>(scale_));
}

std::vector<Var> BroadcastOp::vjp(const VjpContext& context) const {
  const Var summed = sum_to(context.output_grads[0], context.inputs[0].shape(), context.where);
  if (scale_ == 1.0) return {summed};
  return {record(std::make_shared<BroadcastOp>(summed.shape(), scale_), {summed}, context.where)};
}

Var sum_to(const Var& src, const Shape& shape, const SourceLocation& where) {
  if (src.shape() == shape) return src;
  return record(std::make_shared<ReduceOp>(ReduceOp::Kind::sum, shape), {src}, where);
}

Var mean(const Var& src, const SourceLocation& where) {
  return record(std::make_shared<ReduceOp>(ReduceOp::Kind::mean, Shape{}), {src}, where);
}

Var broadcast_to(const Var& src, const Shape& shape, const SourceLocation& where) {
  return record(std::make_shared<BroadcastOp>(shape), {src}, where);
}

}  // namespace keel
