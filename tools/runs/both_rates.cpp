#include "keel/tools/runs/both_rates.hpp"

#include <fmt/format.h>

#include "keel/tools/runs/design.hpp"

namespace keel::tools {
namespace {

constexpr auto rate_factor = "rate";

RunSettings at_rate(RunSettings settings, double rate, const char* which) {
  settings.learning_rate = rate;
  settings.factors.set(rate_factor, which);
  return settings;
}

}  // namespace

void add_at_tuned_rate(std::vector<Job>& jobs, const StudyScale& scale, const RunSettings& settings,
                       double tuned, const RunFunction& run) {
  jobs.push_back(job_for(scale, at_rate(settings, tuned, "tuned"), run));
}

void add_at_common_rate(std::vector<Job>& jobs, const StudyScale& scale, const RunSettings& settings,
                        const RunFunction& run) {
  jobs.push_back(job_for(scale, at_rate(settings, settings.learning_rate, "common"), run));
}

void add_at_both_rates(std::vector<Job>& jobs, const StudyScale& scale, const RunSettings& settings,
                       double tuned, const RunFunction& run) {
  const auto common = at_rate(settings, settings.learning_rate, "common");
  add_at_tuned_rate(jobs, scale, settings, tuned, run);
  if (tuned != settings.learning_rate) {
    jobs.push_back(job_for(scale, common, run));
    return;
  }
  jobs.back().prefixes = {common};
  jobs.back().run = [run, common](const RunSettings& own, const RunContext& context) {
    auto result = run(own, context);
    if (!result) return result;
    auto handed_in = *result;
    handed_in.settings = common;
    context.hand_in(std::move(handed_in));
    return result;
  };
}

RunFilter at_tuned_rates() {
  return with_factor(rate_factor, "tuned");
}

RunFilter at_common_rate() {
  return with_factor(rate_factor, "common");
}

std::string rate_text(std::span<const RunResult> runs, const RunFilter& arm) {
  for (const auto& run : runs)
    if (arm(run)) return fmt::format("{:g}", run.settings.learning_rate);
  return "-";
}

}  // namespace keel::tools
