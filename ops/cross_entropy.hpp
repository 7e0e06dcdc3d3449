#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The negative log-likelihood, a scalar: the mean over the batch of -log_probabilities[i, labels[i]].
/// log_probabilities (N, C), f32 or f64; labels (N), s32. A label outside 0..C-1 is an Error when the plan
/// runs.
Var nll(const Var& log_probabilities, const Var& labels,
        const SourceLocation& where = SourceLocation::current());

/// nll(log_softmax(logits), labels): the cross-entropy of a classifier, the mean over the batch, in nats.
Var cross_entropy(const Var& logits, const Var& labels,
                  const SourceLocation& where = SourceLocation::current());

}  // namespace keel
