#pragma once

#include <cstdint>

#include "keel/graph/tape.hpp"
#include "keel/models/batch_norm.hpp"
#include "keel/models/parameter.hpp"

namespace keel::tools {

/// Batch normalization over ghost batches (Hoffer, Hubara and Soudry 2017, "Train longer, generalize
/// better"): in training, each group of `size` successive rows of (N, features) is normalized by its own
/// mean and variance, and all share gamma and beta. The last group has the rows that are left, and one more
/// where that would be a single one. In inference, and where its statistics are frozen, it is batch norm
/// with the running averages, which gather, of every batch, the means over the groups: of their means by
/// their rows, and of their unbiased variances by their rows less one.
class GhostBatchNorm {
 public:
  /// Throws Error when `size` is less than two, since a single row has no variance.
  GhostBatchNorm(std::int64_t features, std::int64_t size, BatchNormOptions options = {});

  /// Throws ShapeError when src is not (N, features), or in training has a single row.
  Var operator()(const Var& src) const;

  void visit(auto&& each) {
    each("gamma", gamma_);
    each("beta", beta_);
    each("running_mean", running_mean_);
    each("running_variance", running_variance_);
    each("updates", updates_);
  }

 private:
  // What all groups together give.
  struct Normalized {
    Var dst;
    Var means;    // (C), times the rows that they are of
    Var squares;  // (C), of deviations from the groups' means, in sum
  };
  [[nodiscard]] Normalized normalize(const Var& src, std::int64_t groups, const Var& gamma,
                                     const Var& beta) const;

  std::int64_t size_;
  BatchNormOptions options_;
  Parameter gamma_;
  Parameter beta_;
  Parameter running_mean_;
  Parameter running_variance_;
  Parameter updates_;
};

}  // namespace keel::tools
