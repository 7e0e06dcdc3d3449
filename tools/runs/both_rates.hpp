#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/run_queue.hpp"
#include "keel/tools/runs/study.hpp"

namespace keel::tools {

// An arm is shown at the learning rate that was chosen for it and at the one that all arms have in common.
// The factor "rate" tells which: "tuned" or "common".

using RunFunction = std::function<std::optional<RunResult>(const RunSettings&, const RunContext&)>;

/// Adds an arm at the rate `tuned` and at that of `settings`, which is the common one. Where both are the
/// same, one training gives both results.
void add_at_both_rates(std::vector<Job>& jobs, const StudyScale& scale, const RunSettings& settings,
                       double tuned, const RunFunction& run);
/// Adds it at the rate `tuned` alone.
void add_at_tuned_rate(std::vector<Job>& jobs, const StudyScale& scale, const RunSettings& settings,
                       double tuned, const RunFunction& run);
/// Adds it at the rate of `settings`, which is the common one, alone.
void add_at_common_rate(std::vector<Job>& jobs, const StudyScale& scale, const RunSettings& settings,
                        const RunFunction& run);

/// Runs at the rates that were chosen for their arms; those at the common one.
RunFilter at_tuned_rates();
RunFilter at_common_rate();

/// The rate that an arm was run at, as text: "0.03"; "-" where no run passes.
std::string rate_text(std::span<const RunResult> runs, const RunFilter& arm);

}  // namespace keel::tools
