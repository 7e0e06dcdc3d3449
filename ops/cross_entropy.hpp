#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/ops/loss.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct NllOptions {
  std::vector<double> class_weights = {};         ///< how much each class counts; none for 1 each
  std::optional<std::int32_t> ignore_index = {};  ///< rows with this label count for nothing
  Reduction reduction = Reduction::mean;          ///< the mean is divided by the weights of the rows' labels
};

/// The negative log-likelihood, a scalar: the mean over the batch of -log_probabilities[i, labels[i]], or what
/// else `options` make of these. log_probabilities (N, C), f32 or f64; labels (N), s32. A label outside 0..C-1
/// is an Error when the plan runs. Throws ShapeError where there are not as many class weights as classes. Where
/// no row counts the mean is NaN.
Var nll(const Var& log_probabilities, const Var& labels, const NllOptions& options = {},
        const SourceLocation& where = SourceLocation::current());

struct CrossEntropyOptions {
  std::vector<double> class_weights = {};         ///< how much each class counts; none for 1 each
  std::optional<std::int32_t> ignore_index = {};  ///< rows with this label count for nothing
  Reduction reduction = Reduction::mean;          ///< the mean is divided by the weights of the rows' labels
  double label_smoothing = 0.0;  ///< the part of each target that is spread evenly over all classes
};

/// nll(log_softmax(logits), targets): the cross-entropy of a classifier, the mean over the batch, in nats, or
/// what else `options` make of it. logits (N, C). Targets are labels (N), s32, as for `nll`, or probabilities
/// (N, C) of the logits' element type; of these the mean is over the N rows, whatever the class weights. All as
/// in PyTorch. Throws Error for a label_smoothing outside of [0, 1], or an ignore_index beside probabilities.
Var cross_entropy(const Var& logits, const Var& targets, const CrossEntropyOptions& options = {},
                  const SourceLocation& where = SourceLocation::current());

}  // namespace keel
