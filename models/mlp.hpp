#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "keel/models/batch_norm.hpp"
#include "keel/models/linear.hpp"
#include "keel/models/presence.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct MlpOptions {
  std::int64_t inputs = 784;
  std::vector<std::int64_t> hidden = {128};
  std::int64_t classes = 10;
  bool batch_norm = false;  ///< between each hidden layer and its ReLU; these layers then have no bias
  InitializerRule weights = initializers::fan_in();      ///< by what rule all weights start
  InitializerRule bias_values = initializers::fan_in();  ///< and all biases
};

/// A multilayer perceptron: Linear, (BatchNorm,) ReLU for each hidden layer, then Linear to the logits.
/// Layers are named fc1, bn1, fc2, ...; those that two variants share start alike from the same seed.
class Mlp {
 public:
  explicit Mlp(const MlpOptions& options = {});

  /// Tells when the network was moved, which its layers, in containers, would not.
  [[nodiscard]] Presence::Watch watch() const { return presence_.watch(); }

  /// images (N, inputs) to logits (N, classes).
  Var operator()(const Var& images, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) {
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      each("fc" + std::to_string(i + 1), linears_[i]);
      if (i < norms_.size()) each("bn" + std::to_string(i + 1), norms_[i]);
    }
  }

 private:
  std::vector<Linear> linears_;
  std::vector<BatchNorm> norms_;
  Presence presence_;
};

}  // namespace keel
