#pragma once

#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel::detail {

/// What a batch norm makes of its input in inference: arrays of one value a feature.
struct NormValues {
  Tensor gamma, beta, mean, variance;
  double epsilon;
};

/// The weights and bias of a layer, into which a batch norm was folded.
struct FoldedLayer {
  Tensor weights;
  Tensor bias;
};

/// Folds the batch norm behind a layer into it. The first axis of the weights is that of the features; `bias`
/// may be undefined. All are f32 or f64; computed in double.
FoldedLayer fold_layer(const Tensor& weights, const Tensor& bias, const NormValues& norm);

}  // namespace keel::detail

#pragma GCC visibility pop
