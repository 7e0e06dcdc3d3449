#pragma once

#include <span>
#include <vector>

#include "keel/tools/runs/study.hpp"

namespace keel::tools {

/// A study with what it found; the first finding is what it as a whole is judged by.
struct Judgement {
  const Study* study;
  std::vector<Finding> findings;
};

/// Judges every study by its own runs. The studies' first findings are corrected for each other by Holm's
/// method, and the further findings of a study among themselves, so that these come out alike whatever else
/// is run. Of a study whose runs show a numerical fault (runs/health.hpp), all verdicts are withheld.
std::vector<Judgement> judge_all(std::span<const Study* const> studies, std::span<const RunResult> runs);

/// `studies` of results.json and, of a single study, also its `claim`, `rule`, `verdict` and `effect`.
Json studies_json(std::span<const Judgement> judgements);
/// `summary` of results.json: how many findings came out how, and what the studies add.
Json summary_json(std::span<const Judgement> judgements, std::span<const RunResult> runs);

/// The runs of a study that it is judged by: none that chose a learning rate, and none that repeats another
/// in f64.
std::vector<RunResult> runs_of(std::span<const RunResult> runs, const Study& study);

}  // namespace keel::tools
