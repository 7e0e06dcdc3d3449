#pragma once

#include <functional>
#include <span>

#include "keel/models/compiled_function.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// Loss and accuracy of a classifier over a set of images, compiled once for each size of batch.
class Evaluator {
 public:
  /// Maps images (N, pixels) to logits (N, classes).
  using Model = std::function<Var(const Var& images)>;
  /// Sees the logits (N, classes) of each batch and its labels (N).
  using Look = std::function<void(const Tensor& logits, const Tensor& labels)>;

  /// In training mode a batch is normalized by its own statistics, and what the model keeps of batches goes
  /// on: put that back afterwards (StatisticsGuard).
  /// `precision` is the model's: images are given to it as f32 or as f64.
  /// Of several `ranks` each evaluates a part of the batches, and all get the means of all, the same bits as one rank.
  explicit Evaluator(Model model, std::int64_t batch_size = 1000, Mode mode = Mode::inference,
                     DType precision = DType::f32, Communicator ranks = {});

  /// Means over the images of `set` that `indices` name. A last batch of one is left out in training mode,
  /// in which batch norm can do nothing with it.
  Evaluation operator()(const ImageSet& set, std::span<const std::int32_t> indices, const Look& look = {});
  /// Means over all of a set.
  Evaluation operator()(const ImageSet& set);

 private:
  CompiledFunction function_;
  std::int64_t batch_size_;
  Mode mode_;
  DType precision_;
  Communicator ranks_;
};

}  // namespace keel::tools
