#pragma once

// The one bridge over oneDNN's 2.x and 3.x interfaces: nothing outside onednn.cpp asks for the version.
// Not a public header: programs that use keel do not need oneDNN's.

#include <cstddef>
#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "keel/runtime/kernel.hpp"
#include "keel/runtime/shape.hpp"
#include "keel/runtime/slot.hpp"
#include "keel/runtime/window.hpp"

#pragma GCC visibility push(hidden)

namespace keel::onednn {

using Desc = dnnl::memory::desc;

/// A dense row-major array; a scalar is described as one element of rank 1.
Desc dense(const Shape& shape, DType dtype = DType::f32);
/// An array whose neighbours along each axis lie `strides` elements apart.
Desc strided(const Shape& shape, std::span<const std::int64_t> strides);
/// The part of shape `part` of a dense row-major array of shape `whole` that starts at `begin` along `axis`.
Desc part_of(const Shape& whole, const Shape& part, std::size_t axis, std::int64_t begin);
/// The matrix (rows, columns), stored row-major, or column-major where `transposed`.
Desc matrix(std::int64_t rows, std::int64_t columns, bool transposed = false);
/// `count` of them, one behind the other; a product takes a single one for each of the other operand's.
Desc matrices(std::int64_t count, std::int64_t rows, std::int64_t columns, bool transposed = false);
/// A row-major (N, C) array as {N, C, 1, 1} in nhwc: the same bytes, but the description under which batch
/// normalization gets its JIT kernel rather than the generic one, which is over ten times slower.
Desc batch_of_features(std::int64_t count, std::int64_t features);

/// An array (N, C, H, W) of f32 in the given format.
Desc image(const Shape& shape, MemoryFormat format);

/// A primitive and, once they are attached, its arguments.
class Call {
 public:
  explicit Call(const dnnl::primitive_desc_base& primitive_desc);

  /// Passes the memory of `slot`, described by `desc`, as argument `index` (DNNL_ARG_...).
  Call& argument(int index, const Desc& desc, Slot& slot);
  /// Which of oneDNN's kernels it is, in its own name; "ref:any" is the generic one.
  [[nodiscard]] const std::string& implementation() const { return implementation_; }
  /// Bytes of scratch memory that one execution needs.
  [[nodiscard]] std::size_t scratch_bytes() const { return scratch_.get_size(); }
  /// The finished kernel. `scratch` is only looked at when `scratch_bytes()` is not 0.
  Kernel kernel(Slot* scratch) &&;

 private:
  struct Execution;
  std::shared_ptr<Execution> execution_;
  Desc scratch_;
  std::string implementation_;
};

/// dst = src * weights + bias + accumulate * dst. Sources: matrices of `matrix` or batches of them. f32.
Call matmul(const Desc& src, const Desc& weights, const std::optional<Desc>& bias, const Desc& dst,
            std::optional<float> accumulate = {});

/// The same for src (rows, inner) and weights (columns, inner), both row-major, by the inner product
/// primitive: over very few rows it is up to three times as fast as the matmul, over many slower.
Call inner_product(const Desc& src, const Desc& weights, const std::optional<Desc>& bias, const Desc& dst);

/// What a convolution is of: src (N, I, H, W) and dst (N, O, OH, OW), both of them channels last, weights
/// (O, I / groups, KH, KW), and perhaps a bias (O). The window's kernel is that of the weights. Channels of src
/// and dst form as many groups, each of dst's reading its own one of src's.
struct Convolution {
  Shape src;
  Shape weights;
  Shape dst;
  Window window;
  bool bias = false;
  std::optional<Size2d> padding_behind = {};  ///< below and to the right, where it is not the window's
  std::int64_t groups = 1;

  /// The weights as they lie row by row; with groups (groups, O / groups, I / groups, KH, KW).
  [[nodiscard]] Desc row_major_weights() const;
};

/// A convolution's call, and how it wants its weights described, or leaves their gradient: in a format of the
/// primitive's own choice, since with row-major ones it is up to a hundred times slower.
struct ConvolutionCall {
  Call call;
  Desc weights;
};
ConvolutionCall convolution_forward(const Convolution& convolution);
ConvolutionCall convolution_backward_data(const Convolution& convolution);
/// With a bias also its gradient.
ConvolutionCall convolution_backward_weights(const Convolution& convolution);

/// Pooling of src (N, C, H, W) to dst (N, C, OH, OW), both of them channels last.
struct Pooling {
  Shape src;
  Shape dst;
  Window window;
};
/// The mean of each window; padding counts as zeros.
Call average_pooling_forward(const Pooling& pooling);
Call average_pooling_backward(const Pooling& pooling);

/// What batch normalization is to do, as the bare primitive that a benchmark holds keel's own loops against;
/// `data` comes from `batch_of_features` or, row-major, from `image`.
struct BatchNorm {
  bool use_given_statistics = false;  ///< normalize with the mean and variance given instead of the batch's
  bool training = true;               ///< returns the statistics
  float epsilon = 1e-5F;
};
Call batch_norm_forward(const Desc& data, const BatchNorm& of);
Call batch_norm_backward(const Desc& data, const BatchNorm& of);
/// Whether the backward primitive takes the shift, which it has no use for: 2.x insists on it, 3.x refuses
/// it.
bool batch_norm_backward_takes_shift();

/// dst = src0 op src1; src1 may have extents of 1 where dst does not.
Call binary(dnnl::algorithm algorithm, const Desc& src0, const Desc& src1, const Desc& dst);

/// The elements of src, as dst describes them.
Call reorder(const Desc& src, const Desc& dst);

/// The arrays `srcs` one behind the other along `axis`.
Call concatenate(const Desc& dst, std::size_t axis, const std::vector<Desc>& srcs);

/// "2.6.3", of the library at run time.
std::string version();
/// The widest instruction set that oneDNN uses on this processor, in its own name: "avx512_core_bf16".
std::string instruction_set();

}  // namespace keel::onednn

#pragma GCC visibility pop
