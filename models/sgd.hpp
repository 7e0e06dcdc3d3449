#pragma once

#include <map>
#include <span>

#include "keel/graph/tape.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

struct SgdOptions {
  double learning_rate = 0.01;
  double momentum = 0.0;
};

/// Stochastic gradient descent with momentum, by PyTorch's definition. Keeps one velocity a parameter.
class Sgd {
 public:
  explicit Sgd(SgdOptions options);

  [[nodiscard]] double learning_rate() const;
  /// From the next step on; steps that are compiled already follow.
  void set_learning_rate(double learning_rate);

  /// Records the update of `parameters` by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

 private:
  void allocate_velocities(std::span<const Var> parameters);

  SgdOptions options_;
  Tensor learning_rate_;                           // a scalar that the recorded updates read
  std::map<const std::byte*, Tensor> velocities_;  // by the memory of the parameter
};

}  // namespace keel
