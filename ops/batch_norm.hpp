#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// What batch normalization in training yields. The statistics are those of the batch, per feature: the mean,
/// and the biased variance (divided by the number of values). Gradients flow through all three.
struct BatchNormResult {
  Var dst;
  Var mean;
  Var variance;
};

/// dst = gamma * (src - mean) / sqrt(variance + epsilon) + beta with the statistics of the batch itself
/// (Ioffe and Szegedy 2015). src (N, C), or (N, C, ...), images (N, C, H, W) for one, whose statistics
/// are over all axes but that of the features; gamma and beta (C). f32 and f64. Throws ShapeError otherwise, or
/// when a feature has only one value: of one there is no variance.
BatchNormResult batch_norm_training(const Var& src, const Var& gamma, const Var& beta, double epsilon = 1e-5,
                                    const SourceLocation& where = SourceLocation::current());

/// What it yields over several ranks.
struct SynchronizedBatchNormResult {
  Var dst;
  Var mean;
  Var variance;
  Var count;  ///< of values a feature, of all ranks, a scalar; undefined where there is one rank
};

/// The same by the statistics of the batches of all ranks of the tape together, which may be of different sizes, none
/// among them. What is normalized, the derivatives and the statistics are those of one batch of all samples; the
/// gradients of gamma and beta are each rank's part, whose sum over the ranks is the gradient, as for every other
/// parameter. Throws Error, when it runs, where all ranks together have less than two values of a feature.
SynchronizedBatchNormResult synchronized_batch_norm(const Var& src, const Var& gamma, const Var& beta,
                                                    double epsilon = 1e-5,
                                                    const SourceLocation& where = SourceLocation::current());

/// The same with given statistics of shape (C); any N.
Var batch_norm_inference(const Var& src, const Var& gamma, const Var& beta, const Var& mean,
                         const Var& variance, double epsilon = 1e-5,
                         const SourceLocation& where = SourceLocation::current());

}  // namespace keel
