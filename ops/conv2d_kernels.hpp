#pragma once

#include <string>

#include "keel/graph/operator.hpp"
#include "keel/runtime/onednn.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// The kernels behind conv2d's three operators, whose inputs and outputs they take from `binding`.

Kernel reference_forward(const onednn::Convolution& of, const Binding& binding);
Kernel reference_backward_data(const onednn::Convolution& of, const Binding& binding);
Kernel reference_backward_weights(const onednn::Convolution& of, const Binding& binding);

/// In f32. The gradient is a sum over all places of the kernel in all images: over many it is taken in parts,
/// which are added up in double.
Kernel onednn_backward_weights(const onednn::Convolution& of, const Binding& binding);

/// Copies src, described by `from`, to dst.
Kernel reorder_kernel(const onednn::Desc& from, Slot& src, const onednn::Desc& to, Slot& dst,
                      const Binding& binding);

/// Two kernels as one, named after the one that does the work.
Kernel in_sequence(const Kernel& first, const Kernel& second, const std::string& implementation);

}  // namespace keel

#pragma GCC visibility pop
