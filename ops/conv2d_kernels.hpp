#pragma once

#include <string>

#include "keel/graph/operator.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/runtime/onednn.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// What a convolution of arrays of these shapes is of.
onednn::Convolution convolution_of(const Shape& src, const Shape& weights, const Shape& dst,
                                   const Conv2dOptions& options);

/// `cost` with a multiplication and an addition for each element of dst and each weight that goes into it.
Cost with_products(Cost cost, const Shape& weights, const Shape& dst);

// The kernels behind conv2d's three operators, whose inputs and outputs they take from `binding`.

Kernel reference_forward(const onednn::Convolution& of, const Binding& binding);
Kernel reference_backward_data(const onednn::Convolution& of, const Binding& binding);
Kernel reference_backward_weights(const onednn::Convolution& of, const Binding& binding);

/// In f32. The gradient is a sum over all places of the kernel in all images: over many it is taken in parts,
/// which are added up in double.
Kernel onednn_backward_weights(const onednn::Convolution& of, const Binding& binding);

/// The kernel of a call that reads the weights of `of` from `given`, row-major: it first copies them into scratch
/// memory as the primitive wants them.
Kernel with_reordered_weights(onednn::ConvolutionCall convolution, const onednn::Convolution& of, Slot& given,
                              const Binding& binding);

/// Copies src, described by `from`, to dst.
Kernel reorder_kernel(const onednn::Desc& from, Slot& src, const onednn::Desc& to, Slot& dst,
                      const Binding& binding);

/// Two kernels as one, named after the one that does the work.
Kernel in_sequence(const Kernel& first, const Kernel& second, const std::string& implementation);

}  // namespace keel

#pragma GCC visibility pop
