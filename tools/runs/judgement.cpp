#include "keel/tools/runs/judgement.hpp"

#include "keel/tools/findings/finding_json.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/health.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

Json to_json(const Judgement& judgement) {
  const auto& study = *judgement.study;
  const auto& primary = judgement.findings.front();
  Json findings = Json::array();
  for (const auto& finding : judgement.findings) findings.push_back(tools::to_json(finding));
  return {{"name", study.name()},
          {"claim", study.claim()},
          {"experiment", study.experiment()},
          {"rule", rule_of(primary.endpoint)},
          {"verdict", name_of(primary.verdict)},
          {"effect", effect_json(primary)},
          {"caveat", study.caveat()},
          {"findings", std::move(findings)}};
}

// Verdicts by runs whose numbers are in doubt are withheld.
Judgement judged(const Study& study, std::span<const RunResult> all) {
  const auto runs = runs_of(all, study);
  Judgement judgement{&study, study.judge(runs)};
  const auto fault = numerical_fault(runs);
  for (auto& finding : judgement.findings) withhold(finding, fault);
  return judgement;
}

}  // namespace

std::vector<Judgement> judge_all(std::span<const Study* const> studies, std::span<const RunResult> runs) {
  std::vector<Judgement> judgements;
  for (const auto* study : studies) judgements.push_back(judged(*study, runs));
  std::vector<Finding*> primaries;
  for (auto& judgement : judgements) {
    std::vector<Finding*> others;
    for (auto& finding : judgement.findings) others.push_back(&finding);
    primaries.push_back(others.front());
    others.erase(others.begin());
    correct_by_holm(others);
  }
  correct_by_holm(primaries, true);
  return judgements;
}

Json studies_json(std::span<const Judgement> judgements) {
  Json json = Json::object();
  if (judgements.size() == 1) {
    const auto single = to_json(judgements[0]);
    for (const char* key : {"claim", "rule", "verdict", "effect"}) json[key] = single.at(key);
  }
  json["studies"] = Json::array();
  for (const auto& judgement : judgements) json["studies"].push_back(to_json(judgement));
  return json;
}

Json summary_json(std::span<const Judgement> judgements, std::span<const RunResult> runs) {
  Json json{{"supported", 0}, {"contradicted", 0}, {"ruled out", 0}, {"not shown", 0}};
  for (const auto& judgement : judgements) {
    for (const auto& finding : judgement.findings) {
      auto& count = json[std::string{name_of(finding.verdict)}];
      count = count.get<int>() + 1;
    }
    json.update(judgement.study->summary(runs_of(runs, *judgement.study)));
  }
  return json;
}

std::vector<RunResult> runs_of(std::span<const RunResult> runs, const Study& study) {
  return runs_of(runs, [name = study.name()](const RunResult& run) {
    return run.settings.study == name && is_judged(run);
  });
}

}  // namespace keel::tools
