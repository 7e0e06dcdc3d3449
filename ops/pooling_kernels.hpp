#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/onednn.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// The kernels behind the pooling operators, whose inputs and outputs they take from `binding`.

Kernel reference_max(const onednn::Pooling& of, const Binding& binding);
Kernel reference_max_backward(const onednn::Pooling& of, const Binding& binding);
Kernel reference_average(const onednn::Pooling& of, const Binding& binding);
Kernel reference_average_backward(const onednn::Pooling& of, const Binding& binding);

// In f32, channels last.

/// Loops: to oneDNN's comparisons NaN is less than any number.
Kernel max_by_loops(const onednn::Pooling& of, const Binding& binding);
Kernel dilated_max_by_loops(const onednn::Pooling& of, const Binding& binding);
Kernel max_backward_by_loops(const onednn::Pooling& of, const Binding& binding);
/// By oneDNN, or, where windows are so large that its sums in f32 would go astray, by loops.
Kernel average(const onednn::Pooling& of, const Binding& binding);
Kernel average_backward(const onednn::Pooling& of, const Binding& binding);

}  // namespace keel

#pragma GCC visibility pop
