#pragma once

#include <vector>

#include "keel/graph/var.hpp"
#include "keel/ops/loss.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// Losses of a prediction and a target of one shape, whatever it is, f32 or f64, element by element; see mse.hpp
// and cross_entropy.hpp for others. Each throws ShapeError when the shapes differ.

/// |prediction - target|. Its gradient is 0 where both are equal.
Var l1(const Var& prediction, const Var& target, const LossOptions& options = {},
       const SourceLocation& where = SourceLocation::current());

struct HuberOptions {
  double delta = 1.0;  ///< from what difference on the loss is linear
  Reduction reduction = Reduction::mean;
};

/// With d = prediction - target: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2) (Huber 1964). Throws
/// Error unless delta is positive and finite.
Var huber(const Var& prediction, const Var& target, const HuberOptions& options = {},
          const SourceLocation& where = SourceLocation::current());

struct SmoothL1Options {
  double beta = 1.0;  ///< from what difference on the loss is linear
  Reduction reduction = Reduction::mean;
};

/// Huber's loss divided by its delta, which is called beta here; with a beta of 0, `l1`. Throws Error when beta is
/// negative or not finite.
Var smooth_l1(const Var& prediction, const Var& target, const SmoothL1Options& options = {},
              const SourceLocation& where = SourceLocation::current());

struct BinaryCrossEntropyOptions {
  /// How much the terms of target 1 count: one number for all, or one for each entry of the last axis; none for
  /// 1. They do not count in the mean's divisor, as in PyTorch.
  std::vector<double> positive_weights = {};
  Reduction reduction = Reduction::mean;
};

/// The cross-entropy of a yes or no, in nats, with p = sigmoid(logits): -(target log p + (1 - target)
/// log(1 - p)), computed without overflow or cancellation. Targets from 0 to 1. Throws ShapeError when there are
/// neither one nor as many positive weights as entries along the last axis.
Var binary_cross_entropy_with_logits(const Var& logits, const Var& targets,
                                     const BinaryCrossEntropyOptions& options = {},
                                     const SourceLocation& where = SourceLocation::current());

}  // namespace keel
