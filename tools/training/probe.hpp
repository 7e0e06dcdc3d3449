#pragma once

#include <vector>

#include "keel/models/compiled_function.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/training/network.hpp"

namespace keel::tools {

/// Looks at a network as it is in training, with the batch's statistics, and leaves no trace in it. The
/// network must have been initialized.
class Probe {
 public:
  explicit Probe(Network& network);

  /// The gradient of the loss in the weights of each layer, first to last. They stay as they are until the
  /// next call.
  std::vector<std::span<const float>> weight_gradients(const Tensor& images, const Tensor& labels);

  /// What the last hidden layer's norm and activation are given, each (N, units) row by row.
  struct Hidden {
    std::span<const float> before_norm;
    std::span<const float> before_activation;
    std::size_t units;
  };
  Hidden last_hidden(const Tensor& images);

 private:
  std::vector<NamedParameter> parameters_;
  CompiledFunction gradients_;
  CompiledFunction hidden_;
};

/// The Euclidean norm.
double norm(std::span<const float> values);

/// How far a gradient is from another: the norm of the difference over that of the first.
double relative_change(std::span<const float> from, std::span<const float> to);

/// The cosine of the angle between two vectors; NaN where one is zero.
double cosine(std::span<const float> a, std::span<const float> b);

}  // namespace keel::tools
