#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/study.hpp"

namespace keel::tools {

/// A claim that one arm does better than another by a single number a run, which is what most claims come to: the
/// study of one's own that needs the least said. Each arm is trained at the learning rate that suits it, chosen on
/// seeds of its own, and at a common one.
struct Comparison {
  std::string name;                                ///< as on the command line
  std::string claim;                               ///< in one sentence
  std::string experiment;                          ///< what is trained and measured
  std::string caveat;                              ///< what an expert would hold against the result
  std::string arm;                                 ///< what the claim speaks for
  std::string baseline;                            ///< what it is held against
  std::vector<std::string> beside = {};            ///< further arms, each held against the baseline, too
  std::map<std::string, std::string> labels = {};  ///< what arms are called where people read
  /// Of `arm` minus `baseline`, or the one over the other for a ratio: name, unit, the size named.
  Endpoint endpoint;
  std::vector<double> rates = {0.003, 0.01, 0.03, 0.1};  ///< that are tried
  double common_rate = 0.01;
  std::function<void(RunSettings& settings, const StudyScale& scale)> adjust = {};  ///< epochs and the like
  std::function<std::optional<RunResult>(const RunSettings& settings, const RunContext& context)> run;
  RunValue value = [](const RunResult& finished) { return 100.0 * final_accuracy(finished); };
  RunValue tune_by = final_accuracy;  ///< what the best rate has most of
};

std::unique_ptr<Study> comparison_study(Comparison comparison);

}  // namespace keel::tools
