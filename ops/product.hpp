#pragma once

#include <cstdint>
#include <optional>

#include "keel/graph/operator.hpp"
#include "keel/ops/matmul.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// What a product computes: (rows, inner) * (inner, columns), and how its operands are stored. In a batch of
/// several, an operand that is not batched is a factor of each.
struct Product {
  std::int64_t rows;
  std::int64_t inner;
  std::int64_t columns;
  Transposes transposes;
  bool bias = false;
  std::optional<float> accumulate = {};  ///< adds this many times what dst held
  std::int64_t batch = 1;
  bool src_batched = false;
  bool weights_batched = false;
};

/// Where its operands lie; `bias` is null where there is none.
struct ProductSlots {
  Slot& src;
  Slot& weights;
  Slot* bias;
  Slot& dst;
};

/// The kernel of a product, of its dtype. Inputs: src, weights and, if any, bias.
Kernel bind_product(const Product& product, const Binding& binding);

/// The kernel in f32, with scratch memory from `binding`. Where the inner extent is so long that oneDNN's sums
/// in f32 would go astray, it is a sum of several products.
Kernel onednn_product(const Product& product, const ProductSlots& slots, const Binding& binding);

/// Up to which inner extent oneDNN's sums are good to about 200 units of f32's roundoff, whatever they are of:
/// it sums in blocks of some hundred, but vectors one by one, where the error of equal terms grows by one unit
/// with every six.
std::int64_t longest_inner(const Product& product);

/// A product as the sum of those of parts of its inner extent, none longer than `longest`, each by oneDNN,
/// which are added up in double in their order. Any bias and accumulation comes last.
Kernel product_in_parts(const Product& product, const ProductSlots& slots, std::int64_t longest,
                        const Binding& binding);

}  // namespace keel

#pragma GCC visibility pop
