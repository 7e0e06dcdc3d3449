#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/runtime/slot.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// What batch norm and layer norm share.

/// Where forward finds its arrays, but for the statistics, which may be inputs or outputs.
template <class T>
struct NormalizationSlots {
  explicit NormalizationSlots(const Binding& binding)
      : src(binding.input<const T>(0)),
        gamma(binding.input<const T>(1)),
        beta(binding.input<const T>(2)),
        dst(binding.output<T>(0)) {}

  SlotView<const T> src, gamma, beta;
  SlotView<T> dst;
};

/// Where the derivative finds its arrays.
template <class T>
struct NormalizationBackwardSlots {
  explicit NormalizationBackwardSlots(const Binding& binding)
      : src(binding.input<const T>(0)),
        gamma(binding.input<const T>(1)),
        mean(binding.input<const T>(3)),
        variance(binding.input<const T>(4)),
        grad_dst(binding.input<const T>(5)),
        grad_src(binding.output<T>(0)),
        grad_gamma(binding.output<T>(1)),
        grad_beta(binding.output<T>(2)) {}

  SlotView<const T> src, gamma, mean, variance, grad_dst;
  SlotView<T> grad_src, grad_gamma, grad_beta;
};

/// Whether a variance stored as f32 says too little of what it was: it was above the largest float, or below
/// the smallest with all its digits where no epsilon hides that. Derivatives then take it from the values anew.
inline bool lost_in_f32(float variance, double epsilon) {
  constexpr float smallest = std::numeric_limits<float>::min();
  return std::isinf(variance) || (variance < smallest && epsilon < smallest);
}

/// Adds to `grads`, of the inputs (none: no gradient yet), what flows to them through the outputs 1 and 2, which are
/// the statistics. What flows through dst stays with the fused derivative, which knows better than the expansion
/// what to do with a spread that f32 does not hold.
std::vector<Var> with_statistics(const Operator& op, const VjpContext& context, std::vector<Var> grads);

}  // namespace keel

#pragma GCC visibility pop
