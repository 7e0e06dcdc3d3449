#pragma once

#include <cstdint>
#include <vector>

#include "keel/runtime/onednn.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Some images, or some rows of dst of one image, as a convolution of their own.
struct Conv2dPart {
  onednn::Convolution convolution;
  std::int64_t src_offset;  ///< in elements
  std::int64_t dst_offset;
};

/// The parts, of few enough positions each, whose gradients of the weights are to be added up in double.
std::vector<Conv2dPart> conv2d_parts(const onednn::Convolution& of);

}  // namespace keel

#pragma GCC visibility pop
