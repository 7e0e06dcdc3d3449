#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include "keel/graph/plan.hpp"
#include "keel/models/call.hpp"
#include "keel/models/visit_check.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// A model's inference in which every batch norm has been folded into the layer before it: compiled for one
/// type of batch, from the values that the model had then.
class FoldedInference {
 public:
  FoldedInference(Plan plan, std::size_t input) : plan_(std::move(plan)), input_(input) {}

  /// The predictions, in memory of their own that the next call overwrites. Throws ShapeError for a batch
  /// of another type.
  Tensor operator()(const Tensor& batch) {
    plan_.bind(input_, batch);
    plan_.run();
    return plan_.output(0);
  }

  [[nodiscard]] const Plan& plan() const { return plan_; }

 private:
  Plan plan_;
  std::size_t input_;
};

namespace detail {

/// Folds the batch norms of a recorded program into the layers before them. What was folded is called as
/// the values that it replaces, behind "folded ". Throws Error as `fold_batch_norm` does.
void fold_program(Program& program, std::span<const std::size_t> outputs);

}  // namespace detail

/// `fold_batch_norm` of a model given as a function that is recorded on a tape of `mode`.
FoldedInference fold_batch_norm(const std::function<Var(const Var&)>& model, const ValueType& batch,
                                Mode mode = Mode::inference);

/// Folds the batch norms of `model` into the layers before them, for inference on batches of the type
/// `batch`. A batch norm behind a linear layer, W x + b, scales and shifts what comes out of it, which other
/// weights do as well:
///
///   W' = gamma / sqrt(variance + epsilon) W,   b' = gamma / sqrt(variance + epsilon) (b - mean) + beta.
///
/// They are computed in double. The model is not changed, and later changes of it do not reach what was
/// compiled, which has values of its own, those of layers without a batch norm as well. Throws Error,
/// naming its line, for a batch norm that is not directly behind a layer with weights whose output nothing
/// else reads: behind a ReLU, for one, or where it normalizes by the batch's statistics.
template <class Model>
FoldedInference fold_batch_norm(Model& model, const ValueType& batch,
                                const SourceLocation& where = SourceLocation::current()) {
  const auto recorded = [&](const Var& src) {
    return detail::recorded(model, [&] { return detail::call_model(model, std::span{&src, 1}, where); });
  };
  return fold_batch_norm(std::function<Var(const Var&)>{recorded}, batch);
}

}  // namespace keel
