#pragma once

#include <cstdint>
#include <optional>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct RmsNormOptions {
  std::optional<double> epsilon = {};  ///< none for that of the element type
  bool affine = true;                  ///< followed by gamma
};

/// Root mean square normalization over the last axis, of `features` values; see `rms_norm`. It has no state:
/// training and inference are the same.
class RmsNorm {
 public:
  /// Throws Error when epsilon is no number from 0 on.
  explicit RmsNorm(std::int64_t features, RmsNormOptions options = {});

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) {
    if (gamma_) each("gamma", *gamma_);
  }
  void visit_settings(auto&& each) const { each("epsilon", options_.epsilon); }

 private:
  RmsNormOptions options_;
  std::optional<Parameter> gamma_;
};

}  // namespace keel
