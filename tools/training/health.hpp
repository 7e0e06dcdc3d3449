#pragma once

#include <optional>
#include <vector>

#include "keel/models/compiled_function.hpp"
#include "keel/models/parameter.hpp"
#include "keel/tools/training/evaluator.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

// Whether the numbers of a training are to be believed. Where a batch norm meets a variance far below its
// epsilon, what it gives is its input times 1 / sqrt(epsilon), 316 by default, rounding errors and the
// gradient included.

/// What a look at one step of a training found.
struct HealthLook {
  /// Of all features of all batch norms; none where there is no batch norm.
  std::optional<double> smallest_variance_over_epsilon;
  double gradient_norm = 0.0;  ///< of all trained parameters together
};

/// Looks at the step that a model in training is about to make, and leaves no trace in it.
class HealthProbe {
 public:
  /// `parameters` are those of `model`; they must have been initialized before the first look.
  HealthProbe(Evaluator::Model model, std::vector<NamedParameter> parameters, DType precision = DType::f32);
  HealthProbe(const HealthProbe&) = delete;
  HealthProbe& operator=(const HealthProbe&) = delete;

  /// images (N, pixels) f32, labels (N).
  HealthLook look(const Tensor& images, const Tensor& labels);

 private:
  std::vector<Var> record(Tape& tape, const Var& images, const Var& labels);

  Evaluator::Model model_;
  std::vector<NamedParameter> parameters_;
  DType precision_;
  std::vector<double> epsilons_;  // of the batch norms, in the order of their variances
  CompiledFunction function_;
};

/// A run is looked at before its first step and before every hundredth one after it: less than 2 % of its
/// time.
bool is_health_due(std::int64_t step);

/// What a run's measures say of all looks so far.
inline constexpr auto smallest_variance_measure = "health_smallest_variance_over_epsilon";
inline constexpr auto largest_gradient_measure = "health_largest_gradient_norm";
/// Of those looks alone in which a batch norm met a variance below epsilon.
inline constexpr auto gradient_below_epsilon_measure = "health_largest_gradient_norm_below_epsilon";

/// Adds a look to the measures. A gradient norm that was not finite once is infinite from then on.
void record_health(const HealthLook& look, Measures& measures);

}  // namespace keel::tools
