#pragma once

#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/runtime/buffer.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

// What the optimizers are made of.

/// A learning rate that recorded updates read at every run. Copies share it.
class LearningRate {
 public:
  /// Throws Error unless `value` is 0 or a positive number.
  explicit LearningRate(double value);
  [[nodiscard]] double value() const { return scalar_.data<double>()[0]; }
  void set(double value);
  [[nodiscard]] Var record(Tape& tape) const { return tape.stored(scalar_, "learning_rate"); }

 private:
  Tensor scalar_;
};

/// An array for each parameter, of its type, zeros at first: a velocity, or a moment of the gradients. It is
/// found by the parameter's memory, so that all plans that train a parameter share it.
class Moments {
 public:
  /// `page_offset` of the memory that holds them side by side; `name` for graphs.
  Moments(std::string_view name, PageOffset page_offset) : name_(name), page_offset_(page_offset) {}
  /// Those of `parameters`, in that order, made where they were not known yet.
  std::vector<Var> record(std::span<const Var> parameters);

 private:
  std::string_view name_;
  PageOffset page_offset_;
  std::map<const std::byte*, Tensor> tensors_;  // by the memory of the parameter
};

/// Throws Error when an optimizer's update is asked for without parameters.
void require_parameters(std::string_view optimizer, std::span<const Var> parameters,
                        const SourceLocation& where);
/// Throws Error, naming `option`, unless `value` is in [0, 1).
void require_fraction(std::string_view option, double value);
/// Throws Error unless the decay is 0 or a positive number.
void require_weight_decay(double weight_decay);
/// Throws Error unless the bound is positive, where there is one.
void require_clip_norm(std::optional<double> clip_norm);

/// The gradients, clipped to that norm where there is one.
std::vector<Var> clipped(std::span<const Var> grads, std::optional<double> clip_norm,
                         const SourceLocation& where);

}  // namespace keel
