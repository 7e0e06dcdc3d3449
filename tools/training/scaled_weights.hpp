#pragma once

#include <span>
#include <vector>

#include "keel/tools/training/network.hpp"

namespace keel::tools {

/// The weights of a network's hidden layers, whose scale is looked at and set.
class ScaledWeights {
 public:
  /// The network must have been initialized, and stay where it is; it has so many hidden layers.
  ScaledWeights(Network& network, std::size_t hidden);

  /// Leaves the last layer as it is from now on: it gives logits, and nothing behind it takes its scale away.
  void freeze_last_layer() const;
  void multiply(double factor) const;
  /// The Euclidean norm of each layer's weights, and their geometric mean.
  [[nodiscard]] std::vector<double> norms() const;
  [[nodiscard]] double mean_norm() const;
  /// Scales each layer's weights to such a norm.
  void set_norms(std::span<const double> norms) const;

 private:
  std::vector<Parameter*> hidden_;
  std::vector<Parameter*> last_;
};

}  // namespace keel::tools
