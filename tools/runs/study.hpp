#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/findings/finding.hpp"
#include "keel/tools/runs/run_queue.hpp"
#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// How much of a study is run, and on what.
struct StudyScale {
  const DataSet& data;
  std::uint64_t first_seed = 1;
  int seeds = 10;
  bool quick = false;      ///< shorter grids and fewer epochs
  std::int64_t limit = 0;  ///< training images to use; 0 for all
  std::vector<std::int64_t> hidden =
      {};                      ///< what `settings_for` begins with, if it is given: widths of hidden layers
  std::string optimizer = {};  ///< and "sgd" or "adam"
  /// The finished runs of `Study::tuning_jobs`; none while these themselves are asked for.
  std::span<const RunResult> tuning = {};
};

/// A claim about batch normalization as an experiment. Everything that it says, and the rule by which it
/// judges, is fixed in its file; `judge`, `figures` and `tables` see finished runs alone, so that they can be
/// made again from results.json.
class Study {
 public:
  Study() = default;
  Study(const Study&) = delete;
  Study& operator=(const Study&) = delete;
  virtual ~Study() = default;

  /// As on the command line.
  [[nodiscard]] virtual std::string name() const = 0;
  /// The claim in one sentence.
  [[nodiscard]] virtual std::string claim() const = 0;
  /// What is trained and measured, in a few sentences.
  [[nodiscard]] virtual std::string experiment() const = 0;
  /// What an expert would hold against the result, with sources.
  [[nodiscard]] virtual std::string caveat() const = 0;

  /// The runs by whose results `jobs` chooses learning rates: see runs/tuning.hpp.
  [[nodiscard]] virtual std::vector<Job> tuning_jobs(const StudyScale&) const { return {}; }
  /// The runs to be judged; each has the study's name in its settings.
  [[nodiscard]] virtual std::vector<Job> jobs(const StudyScale& scale) const = 0;
  /// The findings, of which the first is what the study as a whole is judged by.
  [[nodiscard]] virtual std::vector<Finding> judge(std::span<const RunResult> runs) const = 0;
  /// The first that has a mark (findings/mark.hpp), or else the first, is what a reader sees beside the
  /// verdict: let it show what the first finding measures.
  [[nodiscard]] virtual std::vector<Figure> figures(std::span<const RunResult> runs) const = 0;
  [[nodiscard]] virtual std::vector<Table> tables(std::span<const RunResult>) const { return {}; }
  /// What `summary` of results.json has besides the counts of verdicts: an object.
  [[nodiscard]] virtual Json summary(std::span<const RunResult> runs) const;
};

}  // namespace keel::tools
