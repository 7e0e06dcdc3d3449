#pragma once

#include <cstdint>
#include <optional>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct GroupNormOptions {
  double epsilon = 1e-5;
  bool affine = true;  ///< followed by gamma and beta, one of each a channel
};

/// Group normalization of (N, channels, ...), each sample by itself, in `groups` of neighbouring channels; see
/// `group_norm`. It has no state: training and inference are the same.
class GroupNorm {
 public:
  /// Throws Error when `groups` is not positive or does not divide the channels, or epsilon is no number from
  /// 0 on.
  GroupNorm(std::int64_t groups, std::int64_t channels, GroupNormOptions options = {});

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) {
    if (gamma_) each("gamma", *gamma_);
    if (beta_) each("beta", *beta_);
  }
  void visit_settings(auto&& each) const {
    each("epsilon", options_.epsilon);
    each("groups", static_cast<double>(groups_));
  }

 private:
  std::int64_t groups_;
  GroupNormOptions options_;
  std::optional<Parameter> gamma_;
  std::optional<Parameter> beta_;
};

}  // namespace keel
