#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/presence.hpp"
#include "keel/runtime/buffer.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

// What the optimizers are made of.

/// A learning rate that recorded updates read at every run. A copy has one of its own; recorded updates follow
/// an assignment.
class LearningRate {
 public:
  /// Throws Error unless `value` is 0 or a positive number.
  explicit LearningRate(double value);
  LearningRate(const LearningRate& other) : LearningRate(other.value()) {}
  LearningRate& operator=(const LearningRate& other) {
    set(other.value());
    return *this;
  }
  ~LearningRate() = default;

  [[nodiscard]] double value() const { return scalar_.data<double>()[0]; }
  void set(double value);
  [[nodiscard]] Var record(Tape& tape) const { return tape.stored(scalar_, "learning_rate"); }
  /// The number itself, to be saved, or written into.
  [[nodiscard]] const Tensor& scalar() const { return scalar_; }

 private:
  Tensor scalar_;
};

/// One array of what an optimizer keeps: of which parameter, by its path in the model, such as "fc1.weights",
/// and under which name, such as "velocity". What is not a parameter's has an empty path. The elements are the
/// optimizer's own: what is written into them counts.
struct OptimizerState {
  std::string path;
  std::string name;
  Tensor value;
};

/// An array for each parameter, zeros at first: a velocity, a moment of the gradients, a number of steps. It is
/// found by the parameter's values, so that all plans that train a parameter share it: by who holds them, not
/// where they lie, since another model may come to lie there. It goes when they are gone. A copy has arrays of
/// its own, with the same elements.
class Moments {
 public:
  /// `page_offset` of the memory that holds them side by side. Each is of the parameter's type, unless `type`
  /// says otherwise.
  Moments(std::string_view name, PageOffset page_offset, std::optional<ValueType> type = std::nullopt)
      : name_(name), page_offset_(page_offset), type_(type) {}
  Moments(const Moments& other);
  Moments& operator=(const Moments& other);
  Moments(Moments&&) = default;
  Moments& operator=(Moments&&) = default;
  ~Moments() = default;

  [[nodiscard]] std::string_view name() const { return name_; }
  /// Those of the parameters with these values, in that order, made where they were not known yet.
  std::vector<Tensor> of(std::span<const Tensor> parameters);
  /// The same on the parameters' tape.
  std::vector<Var> record(std::span<const Var> parameters);
  /// All that there are, of parameters that are no more left out.
  [[nodiscard]] std::vector<Tensor> all() const;
  /// Makes all of them zero, where they lie.
  void reset();

 private:
  struct Key {
    std::weak_ptr<const Buffer> holder;
    const std::byte* address;  // one buffer may hold several, which are not a Parameter's
    bool operator<(const Key& other) const;
  };

  std::string_view name_;
  PageOffset page_offset_;
  std::optional<ValueType> type_;
  std::map<Key, Tensor> tensors_;
};

/// The state of an optimizer that has this learning rate and these arrays of each parameter: what its `state`
/// returns.
std::vector<OptimizerState> optimizer_state(const LearningRate& learning_rate, std::span<Moments> arrays,
                                            std::span<const NamedParameter> parameters);

namespace detail {

/// Whether another optimizer was assigned to the one that is watched. Throws Error when it was moved away or
/// destroyed.
[[nodiscard]] bool optimizer_changed(Presence::Watch& watch);

}  // namespace detail

/// Throws Error when an optimizer's update is asked for without parameters.
void require_parameters(std::string_view optimizer, std::span<const Var> parameters,
                        const SourceLocation& where);
/// Throws Error, naming `option`, unless `value` is in [0, 1).
void require_fraction(std::string_view option, double value);
/// Throws Error unless it is a number that f32 holds as more than 0: a parameter without a gradient would become
/// 0 / 0.
void require_positive_epsilon(double epsilon);
/// Throws Error unless the decay is 0 or a positive number.
void require_weight_decay(double weight_decay);
/// Throws Error unless the bound is positive, where there is one.
void require_clip_norm(std::optional<double> clip_norm);

/// The gradients, clipped to that norm where there is one.
std::vector<Var> clipped(std::span<const Var> grads, std::optional<double> clip_norm,
                         const SourceLocation& where);

}  // namespace keel
