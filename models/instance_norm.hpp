#pragma once

#include <cstdint>
#include <optional>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct InstanceNormOptions {
  double epsilon = 1e-5;
  bool affine = false;  ///< followed by gamma and beta, one of each a channel; PyTorch's default, too
};

/// Normalization of each channel of each sample of (N, channels, ...) by itself; see `instance_norm`. It has no
/// state: training and inference are the same.
class InstanceNorm {
 public:
  /// Throws Error when epsilon is no number from 0 on.
  explicit InstanceNorm(std::int64_t channels, InstanceNormOptions options = {});

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) {
    if (gamma_) each("gamma", *gamma_);
    if (beta_) each("beta", *beta_);
  }
  void visit_settings(auto&& each) const { each("epsilon", options_.epsilon); }

 private:
  InstanceNormOptions options_;
  std::optional<Parameter> gamma_;
  std::optional<Parameter> beta_;
};

}  // namespace keel
