#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/findings/finding.hpp"
#include "keel/tools/report/other_verdicts.hpp"
#include "keel/tools/system/json_fwd.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

class Study;

/// A part of the report: a claim with everything that was found about it.
struct Section {
  std::string name;  ///< "learning-rate"; empty for `keel compare`
  std::string claim;
  std::string experiment;
  std::string caveat;
  std::vector<Finding> findings;  ///< the first is what the claim is judged by; none where nothing is judged
  std::vector<OtherVerdicts> others;  ///< one a finding
  std::vector<Finding> differences;   ///< effects that are shown and not judged: those of `keel compare`
  std::vector<Figure> figures;  ///< the headline is seen in the first that has a mark, or else the first
  std::vector<Table> tables;
  std::vector<Table> training;  ///< what was trained, at which rates, how healthily: training_tables.hpp
  std::string command;          ///< that does this part again
};

/// What a results.json says, ready to be written down.
struct ReportData {
  std::vector<std::string> command;
  std::string keel, onednn, cpu, started;
  std::string instruction_set;  ///< that oneDNN used, on which the last bits depend; empty if not known
  std::int64_t threads = 1;
  double seconds = 0.0;
  std::string data_name, digest;
  std::int64_t train = 0, validation = 0, test = 0, height = 0, width = 0, classes = 0;
  std::vector<RunResult> runs;
  std::vector<Section> sections;
  std::vector<std::string> files = {};  ///< beside the report, with all numbers: "results.json", "runs.csv"
};

/// Finds a study by its name; null if there is none.
using StudyFinder = std::function<const Study*(std::string_view)>;

/// Reads the results of `keel compare`, `keel batch-study` or `keel study`. Throws DataError, naming `path`,
/// when they are not that.
ReportData report_data(const Json& results, const std::filesystem::path& path, const StudyFinder& find);

/// The command line that did a study alone, with the options of one that may have done others besides.
std::string command_for(const std::vector<std::string>& command, const std::string& study);

}  // namespace keel::tools
