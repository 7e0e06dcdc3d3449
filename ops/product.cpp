#include "keel/ops/product.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "keel/ops/onednn_kernel.hpp"

namespace keel {
namespace {

// Up to how many rows the inner product primitive is the faster one: by 1.4 to 3 times for one row of 64 to
// 2048 features, even or better at eight; at sixteen it is up to seven times slower.
constexpr std::int64_t few_rows = 8;

bool is_by_inner_product(const Product& product) {
  return product.rows <= few_rows && !product.transposes.src && product.transposes.weights &&
         !product.accumulate && product.batch == 1;
}

Kernel onednn_batch(const Product& product, const ProductSlots& slots, const Binding& binding) {
  const auto src = onednn::matrices(product.src_batched ? product.batch : 1, product.rows, product.inner,
                                    product.transposes.src);
  const auto weights = onednn::matrices(product.weights_batched ? product.batch : 1, product.inner,
                                        product.columns, product.transposes.weights);
  const auto dst = onednn::matrices(product.batch, product.rows, product.columns);
  auto call = onednn::matmul(src, weights, std::nullopt, dst, {});
  call.argument(DNNL_ARG_SRC, src, slots.src);
  call.argument(DNNL_ARG_WEIGHTS, weights, slots.weights);
  call.argument(DNNL_ARG_DST, dst, slots.dst);
  return finish(std::move(call), binding);
}

Kernel onednn_matrices(const Product& product, const ProductSlots& slots, const Binding& binding) {
  const auto [rows, inner, columns, transposes] =
      std::tuple{product.rows, product.inner, product.columns, product.transposes};
  const auto src = onednn::matrix(rows, inner, transposes.src);
  const auto dst = onednn::matrix(rows, columns);
  const bool by_inner_product = is_by_inner_product(product);
  const auto weights =
      by_inner_product ? onednn::matrix(columns, inner) : onednn::matrix(inner, columns, transposes.weights);
  std::optional<onednn::Desc> bias;
  if (product.bias) bias = by_inner_product ? onednn::dense({columns}) : onednn::matrix(1, columns);
  auto call = by_inner_product ? onednn::inner_product(src, weights, bias, dst)
                               : onednn::matmul(src, weights, bias, dst, product.accumulate);
  call.argument(DNNL_ARG_SRC, src, slots.src);
  call.argument(DNNL_ARG_WEIGHTS, weights, slots.weights);
  if (bias) call.argument(DNNL_ARG_BIAS, *bias, *slots.bias);
  call.argument(DNNL_ARG_DST, dst, slots.dst);
  return finish(std::move(call), binding);
}

// One matrix times another, row-major or, where transposed, column-major; `bias` may be null.
void multiply_matrices(const Product& product, const double* src, const double* weights, const double* bias,
                       double* dst) {
  const auto [rows, inner, columns] = std::tuple{product.rows, product.inner, product.columns};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      double sum = bias == nullptr ? 0.0 : bias[j];
      for (std::int64_t k = 0; k < inner; ++k) {
        const auto a = src[product.transposes.src ? k * rows + i : i * inner + k];
        const auto b = weights[product.transposes.weights ? j * inner + k : k * columns + j];
        sum += a * b;
      }
      dst[i * columns + j] = sum;
    }
  }
}

Kernel reference_product(const Product& product, const Binding& binding) {
  const auto src = binding.input<const double>(0);
  const auto weights = binding.input<const double>(1);
  const auto dst = binding.output<double>(0);
  std::optional<SlotView<const double>> bias;
  if (product.bias) bias = binding.input<const double>(2);
  return {[=] {
            const auto src_step = product.src_batched ? product.rows * product.inner : 0;
            const auto weights_step = product.weights_batched ? product.inner * product.columns : 0;
            for (std::int64_t b = 0; b < product.batch; ++b) {
              multiply_matrices(product, src.get() + b * src_step, weights.get() + b * weights_step,
                                bias ? bias->get() : nullptr, dst.get() + b * product.rows * product.columns);
            }
          },
          "reference"};
}

// Where the inner extent is 0 each element is a sum of nothing, which oneDNN would leave unwritten.
Kernel product_of_nothing(const Product& product, const ProductSlots& slots) {
  std::optional<SlotView<const float>> bias;
  if (slots.bias != nullptr) bias.emplace(*slots.bias);
  return {[=, dst = SlotView<float>{slots.dst}] {
            const auto count = product.batch * product.rows * product.columns;
            for (std::int64_t i = 0; i < count; ++i) {
              float& element = dst.get()[i];
              element = product.accumulate ? *product.accumulate * element : 0.0F;
              if (bias) element += bias->get()[i % product.columns];
            }
          },
          "loop"};
}

}  // namespace

std::int64_t longest_inner(const Product& product) {
  constexpr std::int64_t of_vectors = 512;
  constexpr std::int64_t of_matrices = 4096;
  const bool is_vector = product.rows == 1 || product.columns == 1;
  return is_vector && !is_by_inner_product(product) ? of_vectors : of_matrices;
}

Kernel onednn_product(const Product& product, const ProductSlots& slots, const Binding& binding) {
  if (product.inner == 0) return product_of_nothing(product, slots);
  const auto longest = longest_inner(product);
  if (product.inner > longest) return product_in_parts(product, slots, longest, binding);
  return product.batch > 1 ? onednn_batch(product, slots, binding) : onednn_matrices(product, slots, binding);
}

Kernel bind_product(const Product& product, const Binding& binding) {
  if (binding.output_type(0).dtype == DType::f64) return reference_product(product, binding);
  Slot* bias = product.bias ? &binding.input_slot(2) : nullptr;
  return onednn_product(product, {binding.input_slot(0), binding.input_slot(1), bias, binding.output_slot(0)},
                        binding);
}

}  // namespace keel
