#pragma once

#include <cstdint>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct LayerNormOptions {
  double epsilon = 1e-5;
};

/// Layer normalization over the last axis, of `features` values, followed by gamma and beta; see
/// `layer_norm`. It has no state: training and inference are the same.
class LayerNorm {
 public:
  /// Throws Error when epsilon is no number from 0 on.
  explicit LayerNorm(std::int64_t features, LayerNormOptions options = {});

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) {
    each("gamma", gamma_);
    each("beta", beta_);
  }
  void visit_settings(auto&& each) const { each("epsilon", options_.epsilon); }

 private:
  LayerNormOptions options_;
  Parameter gamma_;
  Parameter beta_;
};

}  // namespace keel
