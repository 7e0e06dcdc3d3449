#pragma once

#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// A tensor of its own with the same elements, rounded to `dtype` where it is f32 or f64 and the other one of
/// these is asked for; labels and the like stay as they are, and so does an undefined one.
Tensor converted(const Tensor& tensor, DType dtype);

}  // namespace keel

#pragma GCC visibility pop
