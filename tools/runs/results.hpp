#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/data/batches.hpp"
#include "keel/tools/data/image_set.hpp"
#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/system/json_fwd.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// What every results.json says of the command that made it, besides its runs and their summary.
struct CommandRecord {
  std::vector<std::string> arguments;  ///< the command line, program first
  int threads = 1;
  int ranks = 1;
  std::chrono::system_clock::time_point started = std::chrono::system_clock::now();
};

/// The whole of a results.json, schema 1. Numbers that are not finite become null.
Json results_json(const CommandRecord& command, const DataSet& data, const SplitSizes& sizes,
                  std::span<const RunResult> runs, Json summary);

/// What every run's numbers depend on besides its settings: the data, versions, the instruction set.
Json provenance_of(const DataSet& data);

/// {mean, sd}; sd null where there is none.
Json to_json(const Summary& summary);
/// {mean, low, high, p}; null where there are none.
Json to_json(const PairedDifference& difference);

/// One number of a finished run that `compare` compares, and its results.json sums up.
struct Measure {
  const char* key;   ///< in results.json
  const char* name;  ///< in tables
  bool percent;
  double (*of)(const RunResult& run);  ///< NaN if the run has none
};
std::span<const Measure> compared_measures();

/// keel's own version, "0.1.0".
std::string keel_version();
/// The processor's name as the system tells it.
std::string processor_name();

}  // namespace keel::tools
