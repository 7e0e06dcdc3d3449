#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/partial_sums.hpp"
#include "keel/ops/product.hpp"

namespace keel {
namespace {

// How far apart an operand's neighbours lie, along the batch, the rows and the columns.
using Strides = std::array<std::int64_t, 3>;

Strides strides_of(bool batched, std::int64_t rows, std::int64_t columns, bool transposed) {
  const auto of_batch = batched ? rows * columns : 0;
  return transposed ? Strides{of_batch, 1, rows} : Strides{of_batch, columns, 1};
}

onednn::Desc describe(bool batch, std::int64_t count, std::int64_t rows, std::int64_t columns,
                      const Strides& strides) {
  if (!batch) return onednn::strided({rows, columns}, std::span{strides}.last(2));
  // Of a single matrix the stride is never used, but has to look like one.
  const std::array along{count > 1 ? strides[0] : rows * columns, strides[1], strides[2]};
  return onednn::strided({count, rows, columns}, along);
}

// The product of a part of the inner extent, wherever in the operands its slots point to.
struct Part {
  std::unique_ptr<Slot> src = std::make_unique<Slot>();
  std::unique_ptr<Slot> weights = std::make_unique<Slot>();
  Kernel kernel;
};

Part part_of(const Product& product, std::int64_t length, Slot& dst, const Binding& binding) {
  const bool batch = product.batch > 1;
  const auto of_src = strides_of(product.src_batched, product.rows, product.inner, product.transposes.src);
  const auto of_weights =
      strides_of(product.weights_batched, product.inner, product.columns, product.transposes.weights);
  const auto src = describe(batch, product.src_batched ? product.batch : 1, product.rows, length, of_src);
  const auto weights =
      describe(batch, product.weights_batched ? product.batch : 1, length, product.columns, of_weights);
  const auto result = describe(batch, product.batch, product.rows, product.columns,
                               strides_of(batch, product.rows, product.columns, false));
  Part part;
  auto call = onednn::matmul(src, weights, std::nullopt, result, {});
  call.argument(DNNL_ARG_SRC, src, *part.src);
  call.argument(DNNL_ARG_WEIGHTS, weights, *part.weights);
  call.argument(DNNL_ARG_DST, result, dst);
  part.kernel = finish(std::move(call), binding);
  return part;
}

}  // namespace

// All parts are as long as the first but for the last, so that two primitives do.
Kernel product_in_parts(const Product& product, const ProductSlots& slots, std::int64_t longest,
                        const Binding& binding) {
  const auto rows = product.batch * product.rows;
  const auto elements = static_cast<std::size_t>(rows * product.columns);
  Slot& partial = *binding.scratch(elements * sizeof(float));
  Slot& sums = *binding.scratch(elements * sizeof(double));
  const auto count = (product.inner + longest - 1) / longest;
  const auto length = (product.inner + count - 1) / count;
  const auto rest = product.inner - (product.inner - 1) / length * length;
  struct Parts {
    Part whole;
    Part last;
  };
  const auto parts = std::make_shared<Parts>(Parts{.whole = part_of(product, length, partial, binding),
                                                   .last = part_of(product, rest, partial, binding)});
  const auto src_step = product.transposes.src ? product.rows : 1;
  const auto weights_step = product.transposes.weights ? 1 : product.columns;
  return {[=, src = SlotView<float>{slots.src}, weights = SlotView<float>{slots.weights}, bias = slots.bias,
           dst = SlotView<float>{slots.dst}, part_sums = SlotView<float>{partial},
           all_sums = SlotView<double>{sums}] {
            for (std::int64_t begin = 0; begin < product.inner; begin += length) {
              const auto& part = begin + length < product.inner ? parts->whole : parts->last;
              part.src->point_to(src.get() + begin * src_step);
              part.weights->point_to(weights.get() + begin * weights_step);
              part.kernel.run();
              add_part(part_sums.get(), all_sums.get(), rows * product.columns, begin == 0);
            }
            store_sums(all_sums.get(), bias == nullptr ? nullptr : static_cast<const float*>(bias->data()),
                       dst.get(), rows, product.columns, product.accumulate);
          },
          parts->whole.kernel.implementation + " in parts"};
}

}  // namespace keel
