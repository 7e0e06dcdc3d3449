#pragma once

#include <span>
#include <vector>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/data/image_set.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// The two runs of one seed.
struct SeedPair {
  RunResult plain;
  RunResult bn;
};

/// The seeds of which both runs are finished, in order.
std::vector<SeedPair> pair_by_seed(std::span<const RunResult> runs);

/// The measure of one arm over all seeds.
std::vector<double> values(std::span<const SeedPair> pairs, RunResult SeedPair::*arm, const Measure& measure);

/// Prints the table of epochs (means over the seeds), then the final numbers of both arms and their
/// difference.
void print_comparison(std::span<const SeedPair> pairs, const DataSet& data, const CommonOptions& options);

}  // namespace keel::tools
