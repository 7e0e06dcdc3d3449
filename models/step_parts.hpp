#pragma once

#include <optional>
#include <span>
#include <vector>

#include "keel/models/call.hpp"
#include "keel/models/model_watch.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/presence.hpp"
#include "keel/models/visit_check.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel::detail {

// What the steps are made of.

/// A model's loss on a tape.
struct RecordedLoss {
  Var value;
  std::vector<Var> trained;  ///< the parameters that are not frozen and that it depends on
  bool any_frozen;
};

/// Records a model's loss for its inputs and then the targets, as a TrainingStep has it.
template <class Model, class Loss>
RecordedLoss record_loss(Model& model, const Loss& loss, Tape& tape, std::span<const Var> inputs,
                         const SourceLocation& where) {
  RecordedLoss recorded_loss{{}, {}, false};
  const auto parts = parts_of(model);
  for (const auto& named : parameters_of(parts)) {
    if (named.parameter->kind() != Parameter::Kind::trained) continue;
    if (named.parameter->frozen())
      recorded_loss.any_frozen = true;
    else
      recorded_loss.trained.push_back(tape.stored(values_of(named), named.path));
  }
  leave_others_alone(tape, parts);
  const auto predictions = recorded(model, [&] { return call_model(model, inputs, where); });
  require_visited(tape, parts);
  recorded_loss.value = call_loss(loss, predictions, inputs.subspan(inputs_of<Model>()), where);
  return recorded_loss;
}

template <class Optimizer>
void record_update(Optimizer& optimizer, std::span<const Var> trained, std::span<const Var> grads,
                   const SourceLocation& where) {
  if constexpr (requires { optimizer.update(trained, grads, where); })
    optimizer.update(trained, grads, where);
  else
    optimizer.update(trained, grads);
}

/// A loss over all ranks of the tape.
struct RankLoss {
  Var own;    ///< what this rank's rows add to the mean over all rows: its loss by its share of them
  Var shown;  ///< the same as a number: 0 where it has no rows, of which a mean is NaN
};

/// `rows` is that of the model's first input.
RankLoss loss_over_ranks(const Var& loss, const Var& first_input, const SourceLocation& where);

/// Reports "gradient_norm", that of all gradients together; nothing where there are none.
void report_norm(std::span<const Var> grads, const SourceLocation& where);

/// The only element of an f32 or f64 tensor.
double number_of(const Tensor& scalar);

/// Notices what becomes of a model and its optimizer, whose groups must be those of the model.
class StepWatch {
 public:
  template <class Model, class Optimizer>
  StepWatch(Model& model, const Optimizer& optimizer) : model_(model) {
    if constexpr (requires { optimizer.watch(); }) optimizer_ = optimizer.watch();
    if constexpr (requires { optimizer.require_groups(parameters(model)); })
      optimizer.require_groups(parameters(model));
  }

  /// Whether what was compiled before does the wrong work now. Throws Error when one of both is gone.
  [[nodiscard]] bool changed() {
    const bool model_changed = model_.changed();
    return (optimizer_ && optimizer_changed(*optimizer_)) || model_changed;
  }

 private:
  ModelWatch model_;
  std::optional<Presence::Watch> optimizer_;
};

}  // namespace keel::detail
