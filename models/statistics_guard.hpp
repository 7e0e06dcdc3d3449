#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "keel/models/parameter.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

/// Puts the statistics and other state of a model's layers (batch norm's running averages, dropout's streams)
/// back at the end of the scope, so that a training tape can be run to look at something and leave no trace.
/// Throws NoValuesError where the model has not been initialized.
class StatisticsGuard {
 public:
  explicit StatisticsGuard(std::span<const NamedParameter> parameters) {
    for (const auto& named : parameters) {
      if (named.parameter->kind() == Parameter::Kind::trained) continue;
      const auto& values = detail::values_of(named);
      before_.emplace_back(values, values.clone());
    }
  }
  ~StatisticsGuard() {
    for (const auto& [value, copy] : before_) std::copy_n(copy.bytes(), copy.type().bytes(), value.bytes());
  }
  StatisticsGuard(const StatisticsGuard&) = delete;
  StatisticsGuard& operator=(const StatisticsGuard&) = delete;

  /// Leaves everything as it is now.
  void keep() { before_.clear(); }

 private:
  std::vector<std::pair<Tensor, Tensor>> before_;
};

}  // namespace keel
