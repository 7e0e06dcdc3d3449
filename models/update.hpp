#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/step_parts.hpp"

namespace keel {

namespace detail {

/// The parameters of these paths that are not frozen, in the model's order, and the gradients of each. Throws
/// Error for a path that is none of a parameter to be trained, ShapeError for a gradient of another type than
/// its parameter.
struct GivenGradients {
  std::vector<Var> trained;
  std::vector<Var> grads;
};
GivenGradients given_gradients(Tape& tape, std::span<const NamedParameter> parameters,
                               std::span<const std::string> paths, std::span<const Var> grads,
                               const SourceLocation& where);
/// Whether there are parameters that are trained, frozen or not.
bool any_trained(std::span<const NamedParameter> parameters);

}  // namespace detail

/// What an optimizer does with gradients that are given, by path: those of a `value_and_grad`, or what was
/// made of them. Parameters without one, or that are frozen, have no part in it. Compiled once and replayed;
/// model and optimizer are used by reference, and followed as by a TrainingStep.
template <class Model, class Optimizer>
class Update {
 public:
  Update(Model& model, Optimizer& optimizer, const SourceLocation& where = SourceLocation::current())
      : paths_(std::make_shared<std::vector<std::string>>()),
        function_(Mode::training,
                  [&model, &optimizer, paths = paths_, where](Tape& tape, std::span<const Var> inputs) {
                    const auto all = parameters(model);
                    const auto given = detail::given_gradients(tape, all, *paths, inputs, where);
                    if (!given.trained.empty() || !detail::any_trained(all))
                      detail::record_update(optimizer, given.trained, given.grads, where);
                    return std::vector<Var>{};
                  }),
        watch_(model, optimizer) {}

  /// Updates the parameters that have a gradient and are not frozen.
  void operator()(const std::map<std::string, Tensor>& grads) {
    bool changed = watch_.changed();
    paths_now_.clear();
    inputs_.clear();
    for (const auto& [path, grad] : grads) {
      paths_now_.push_back(path);
      inputs_.push_back(grad);
    }
    changed = changed || paths_now_ != *paths_;
    if (changed) {
      function_.forget();
      *paths_ = paths_now_;
    }
    function_(inputs_);
  }

 private:
  std::shared_ptr<std::vector<std::string>> paths_;  // that were compiled for
  CompiledFunction function_;
  detail::StepWatch watch_;
  std::vector<std::string> paths_now_;  // of the present call; kept to reuse their memory
  std::vector<Tensor> inputs_;
};

}  // namespace keel
