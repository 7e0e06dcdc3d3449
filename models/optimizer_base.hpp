#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/models/parameter_groups.hpp"
#include "keel/models/presence.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// What keel's optimizers have in common. A copy is an optimizer of its own: it begins with the same learning rate
/// and the same of what is kept for each parameter.
class OptimizerBase {
 public:
  [[nodiscard]] double learning_rate() const { return learning_rate_.value(); }
  /// From the next step on; steps that are compiled already follow.
  void set_learning_rate(double learning_rate) { learning_rate_.set(learning_rate); }

  /// Forgets all steps, as if none had been done; the learning rate stays. Steps that are compiled
  /// already follow.
  void reset();
  /// All that it keeps of the trained parameters of `model`, frozen ones included, zeros where it has had none
  /// yet, and the learning rate. Throws NoValuesError before `initialize`.
  [[nodiscard]] std::vector<OptimizerState> state(std::span<const NamedParameter> parameters);
  template <class Model>
  [[nodiscard]] std::vector<OptimizerState> state(Model& model) {
    return state(std::span<const NamedParameter>{parameters(model)});
  }

  /// Throws Error when a group has none of the model's parameters.
  void require_groups(std::span<const NamedParameter> parameters) const {
    groups_.require_members(parameters);
  }
  /// Tells when another optimizer was assigned to this one, or when it was moved or destroyed.
  [[nodiscard]] Presence::Watch watch() const { return presence_.watch(); }

 protected:
  /// Of the options that all have; `arrays` are what is kept for each parameter. Throws Error, naming the option,
  /// when one is out of range.
  template <class Options>
  OptimizerBase(std::string_view name, const Options& options, std::vector<Moments> arrays)
      : name_(name),
        groups_(options.groups),
        learning_rate_(options.learning_rate),
        weight_decay_(options.weight_decay),
        clip_norm_(options.clip_norm),
        arrays_(std::move(arrays)) {
    require_weight_decay(weight_decay_);
    require_clip_norm(clip_norm_);
  }
  OptimizerBase(const OptimizerBase&) = default;
  OptimizerBase& operator=(const OptimizerBase&) = default;
  OptimizerBase(OptimizerBase&&) = default;
  OptimizerBase& operator=(OptimizerBase&&) = default;
  ~OptimizerBase() = default;

  /// The parameters and their gradients, clipped, in parts that are updated alike. Throws Error when there are
  /// none.
  [[nodiscard]] std::vector<ParameterGroups::Part> parts(std::span<const Var> parameters,
                                                         std::span<const Var> grads,
                                                         const SourceLocation& where) const;
  /// Throws Error when it was moved from.
  [[nodiscard]] Moments& array(std::size_t index) {
    require_arrays();
    return arrays_[index];
  }
  [[nodiscard]] const Moments& array(std::size_t index) const {
    require_arrays();
    return arrays_[index];
  }

 private:
  void require_arrays() const;

  std::string_view name_;
  ParameterGroups groups_;
  LearningRate learning_rate_;
  double weight_decay_;
  std::optional<double> clip_norm_;
  std::vector<Moments> arrays_;
  Presence presence_;
};

}  // namespace keel
