#pragma once

#include "keel/models/parameter.hpp"

namespace keel::tools {

/// A linear layer whose weights are normalized (Salimans and Kingma 2016, "Weight normalization: a simple
/// reparameterization to accelerate training of deep neural networks"): each row of the weights is scaled to the
/// length `scale`, which is trained. It starts by He's rule: directions normal, lengths sqrt(2), bias 0.
class WeightNormLinear {
 public:
  WeightNormLinear(std::int64_t inputs, std::int64_t outputs);

  /// src (N, inputs) to (N, outputs).
  Var operator()(const Var& src) const;

  void visit(auto&& each) { each("weights", weights_), each("scale", scale_), each("bias", bias_); }

 private:
  Parameter weights_;
  Parameter scale_;
  Parameter bias_;
};

}  // namespace keel::tools
