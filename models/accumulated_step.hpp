#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "keel/models/update.hpp"
#include "keel/models/value_and_grad.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

/// Gradients by path, added up.
class GradientSums {
 public:
  /// Adds `weight` times each.
  void add(const std::map<std::string, Tensor>& grads, double weight);
  /// The weighted mean of what was added, in memory that the next `add` overwrites. Throws Error when nothing
  /// was added.
  const std::map<std::string, Tensor>& mean();
  /// Begins anew.
  void discard();

 private:
  std::map<std::string, Tensor> sums_;  // divided by unit_
  double weight_ = 0.0;
  double unit_ = 1.0;
};

/// A training step on a batch that comes in parts, such as one too large for the memory:
///
///   AccumulatedStep step{model, adam, cross_entropy};
///   for (const auto& part : parts) step.add(part.images, part.labels);
///   step.apply();
///
/// Parts count by their rows, which is the first extent of the model's first input: for a loss that is a mean
/// over a batch, the step is that of the whole batch, also where the last part is shorter. Clipping is of the
/// whole gradient. Batch norm alone can tell: it normalizes each part by its own statistics, and the running
/// ones move with each. Model, optimizer and loss are as in a TrainingStep.
template <class Model, class Optimizer, class Loss>
class AccumulatedStep {
 public:
  AccumulatedStep(Model& model, Optimizer& optimizer, Loss loss,
                  const SourceLocation& where = SourceLocation::current())
      : gradients_(model, std::move(loss), Mode::training, where), update_(model, optimizer, where) {}

  /// Adds the gradient of one part, and returns its loss.
  template <std::same_as<Tensor>... Tensors>
  double add(const Tensor& first, const Tensors&... others) {
    const auto [loss, grads] = gradients_(first, others...);
    const auto& shape = first.shape();
    sums_.add(grads, shape.rank() == 0 ? 1.0 : static_cast<double>(shape[0]));
    return loss;
  }

  /// Updates the model by what was added since the last time; what was frozen meanwhile stays as it is.
  /// Throws Error when that is nothing. After an Error what was added is still there, to be applied or
  /// discarded; after NonFiniteError, which nothing mends, it is gone.
  void apply() {
    try {
      update_(sums_.mean());
    } catch (const NonFiniteError&) {
      discard();
      throw;
    }
    discard();
  }
  /// Drops what was added since the last time, such as that of a batch of which a part failed.
  void discard() { sums_.discard(); }

  /// What was `report`ed by that name when the last part was added.
  [[nodiscard]] Tensor reported(std::string_view name) const { return gradients_.reported(name); }

 private:
  ParameterGradients<Model, Loss> gradients_;
  Update<Model, Optimizer> update_;
  GradientSums sums_;
};

}  // namespace keel
