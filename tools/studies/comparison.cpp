#include "keel/tools/studies/comparison.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/tuning.hpp"

namespace keel::tools {
namespace {

constexpr std::array rate_choices{"tuned", "common"};

class ComparisonStudy final : public Study {
 public:
  explicit ComparisonStudy(Comparison comparison) : comparison_(std::move(comparison)) {
    arms_ = {comparison_.baseline, comparison_.arm};
    arms_.insert(arms_.end(), comparison_.beside.begin(), comparison_.beside.end());
  }

  [[nodiscard]] std::string name() const override { return comparison_.name; }
  [[nodiscard]] std::string claim() const override { return comparison_.claim; }
  [[nodiscard]] std::string experiment() const override { return comparison_.experiment; }
  [[nodiscard]] std::string caveat() const override { return comparison_.caveat; }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& arm : arms_)
      for (const auto& settings :
           tuning_settings(scale, settings_of(scale, arm, 0, "tuned"), comparison_.rates))
        jobs.push_back(job_for(scale, settings, comparison_.run));
    return jobs;
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto& arm : arms_) {
      const double tuned = tuned_rate(scale.tuning, of_model(arm), comparison_.tune_by);
      for (const auto seed : seeds_of(scale)) {
        for (const char* choice : rate_choices) {
          auto settings = settings_of(scale, arm, seed, choice);
          settings.learning_rate = choice == rate_choices[0] ? tuned : comparison_.common_rate;
          jobs.push_back(job_for(scale, settings, comparison_.run));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    std::vector<Finding> findings{finding(runs, comparison_.arm, rate_choices[0]),
                                  finding(runs, comparison_.arm, rate_choices[1])};
    for (const auto& arm : comparison_.beside) findings.push_back(finding(runs, arm, rate_choices[0]));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{.title = "Validation accuracy by epoch, at the learning rate that suits each arm",
                  .x = {.name = "epochs"},
                  .y = {.name = "validation accuracy (%)"}};
    for (const auto& arm : arms_) {
      figure.series.push_back(
          {.arm = arm,
           .label = label(arm),
           .points = by_epoch(runs, of_model(arm) && with_factor("rate", rate_choices[0]),
                              [](const EpochResult& epoch) { return 100.0 * epoch.validation.accuracy; })});
    }
    return {figure};
  }

 private:
  [[nodiscard]] RunSettings settings_of(const StudyScale& scale, const std::string& arm, std::uint64_t seed,
                                        const char* choice) const {
    auto settings = settings_for(*this, scale, arm, seed);
    settings.factors.set("rate", choice);
    if (comparison_.adjust) comparison_.adjust(settings, scale);
    return settings;
  }

  [[nodiscard]] Finding finding(std::span<const RunResult> runs, const std::string& arm,
                                const char* choice) const {
    const auto of = [&](const std::string& model) {
      return by_seed(runs, of_model(model) && with_factor("rate", choice), comparison_.value);
    };
    auto endpoint = comparison_.endpoint;
    const bool ratio = endpoint.scale == Endpoint::Scale::ratio;
    const bool is_first = arm == comparison_.arm && choice == rate_choices[0];
    endpoint.name = fmt::format("{}, {} {} {}, {}", endpoint.name, label(arm), ratio ? "over" : "-",
                                label(comparison_.baseline),
                                choice == rate_choices[0] ? "each at the rate that suits it" : "at one rate");
    endpoint.claim = comparison_.claim;
    if (!is_first && arm == comparison_.arm)
      endpoint.claim =
          fmt::format("{}, at one learning rate for all.", claim().substr(0, claim().find_last_of('.')));
    if (arm != comparison_.arm) endpoint.claim = fmt::format("The same holds of {}.", label(arm));
    return tools::judge(endpoint, pairwise(of(arm), of(comparison_.baseline),
                                           [&](double a, double b) { return ratio ? a / b : a - b; }));
  }

  [[nodiscard]] std::string label(const std::string& arm) const {
    const auto own = comparison_.labels.find(arm);
    return own == comparison_.labels.end() ? label_of(arm) : own->second;
  }

  Comparison comparison_;
  std::vector<std::string> arms_;
};

}  // namespace

std::unique_ptr<Study> comparison_study(Comparison comparison) {
  return std::make_unique<ComparisonStudy>(std::move(comparison));
}

}  // namespace keel::tools
