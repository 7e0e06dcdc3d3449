#pragma once

#include <cstdint>
#include <optional>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct BatchNormOptions {
  /// The weight of a new batch in the running statistics (PyTorch's convention); none for the cumulative
  /// average, in which all batches so far weigh the same.
  std::optional<double> momentum = 0.1;
  double epsilon = 1e-5;
  double gamma = 1.0;  ///< that training starts from
  /// Where a step is trained over several ranks: whether parts are normalized by the statistics of the whole batch. If
  /// not, each rank normalizes its part by itself, and the running statistics follow the mean over the ranks.
  bool synchronized = false;
};

/// Batch normalization of (N, features) or (N, features, ...), images for one, followed by gamma and beta. On a
/// training tape it normalizes by the batch's statistics and records their running averages' update; on an
/// inference tape, and where its statistics are frozen, it normalizes by the running averages and leaves them
/// alone. In the step of a model that it is not a part of it normalizes by the batch and leaves them alone, too.
class BatchNorm {
 public:
  /// Throws Error when epsilon is no number from 0 on.
  explicit BatchNorm(std::int64_t features, BatchNormOptions options = {});

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) {
    each("gamma", gamma_);
    each("beta", beta_);
    each("running_mean", running_mean_);
    each("running_variance", running_variance_);
    each("updates", updates_);
  }
  void visit_settings(auto&& each) const {
    each("epsilon", options_.epsilon);
    each("momentum", options_.momentum);
  }

 private:
  [[nodiscard]] SynchronizedBatchNormResult normalize(const Var& src, const Var& gamma, const Var& beta,
                                                      const SourceLocation& where) const;

  BatchNormOptions options_;
  Parameter gamma_;
  Parameter beta_;
  Parameter running_mean_;
  Parameter running_variance_;
  Parameter updates_;  // how many the running statistics have had
};

}  // namespace keel
