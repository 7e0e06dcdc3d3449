#pragma once

#include <optional>
#include <span>
#include <string>

#include "keel/tools/findings/finding.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

// Whether a verdict may rest on what its runs computed: see training/health.hpp for what they record.

/// A gradient norm from here on, beside a variance below epsilon, is a fault: 1 / sqrt(1e-5), by which a
/// batch norm multiplies gradients, and the rounding errors in them, where it meets no variance.
inline constexpr double blown_up_gradient = 316.0;

/// Whether the numbers of a run are in doubt: at one of its looks a batch norm met a variance below its
/// epsilon while the gradient's norm was at least `blown_up_gradient`, or something that was looked at was
/// not finite although the loss was. A run that diverged or learned nothing is not in doubt: what that counts as is the study's
/// to say. This finds gross faults; errors that leave the norm as it is only a repeat in f64 shows.
bool is_in_doubt(const RunResult& run);

/// Where the numbers of at least a quarter of the runs of a model are in doubt, a sentence that says so;
/// empty otherwise. Fewer are those few settings at the edge of a study's grid that no network stands.
std::string numerical_fault(std::span<const RunResult> runs);

/// Takes a finding's verdict away, which says why. It keeps the first reason.
void withhold(Finding& finding, const std::string& why);

/// What runs in f32 say beside their repeats in f64, which have the same settings and seed.
struct PrecisionRepeat {
  std::size_t seeds = 0;  ///< that were repeated
  double f32 = 0.0;       ///< mean over these
  double f64 = 0.0;
  double sd = 0.0;  ///< over all seeds in f32; NaN for a single one

  /// Whether both differ by no more than two standard deviations of the seeds, or nothing is known of these.
  [[nodiscard]] bool agree() const;
};

/// What a repeat in f64 leaves in the run that it repeats: its final validation accuracy in percent, NaN if it diverged.
inline constexpr auto f64_accuracy_measure = "f64_accuracy";
/// So many seeds of an arm are repeated, the first ones.
inline constexpr int seeds_in_f64 = 2;

/// Whether a batch norm of a run met less variance than its epsilon at a look: what f32 computes from there on is for f64 to
/// confirm.
bool met_less_than_epsilon(const RunResult& run);

/// Runs that differ in their seeds alone, and what they are called.
struct RepeatedArm {
  std::string label;
  RunFilter runs;
};
/// Which of these arms f64 does not confirm, as a sentence; empty where none, or none was repeated.
std::string precision_disagreement(std::span<const RunResult> runs, std::span<const RepeatedArm> arms);

/// Of the runs of one arm, those that recorded what `value` is in f64 under the name `measure`; none if no
/// run did.
std::optional<PrecisionRepeat> precision_repeat(std::span<const RunResult> arm, const RunValue& value,
                                                std::string_view measure);

}  // namespace keel::tools
