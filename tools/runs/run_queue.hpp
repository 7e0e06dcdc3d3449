#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "keel/tools/runs/run_store.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

class LeaseBook;

/// A run to be done.
struct Job {
  RunSettings settings;
  /// Shorter runs that are this one's beginning. While it runs, it hands in their results, in this order.
  std::vector<RunSettings> prefixes{};
  /// How many seconds it takes, roughly: see `estimated_seconds`. Long runs are begun first, so that no worker is left
  /// without work while another has much to do.
  double cost = 1.0;
  /// It measures time, so nothing else may run beside it: it waits until all others are done.
  bool alone = false;
  std::function<std::optional<RunResult>(const RunSettings& settings, const RunContext& context)> run;
};

struct QueueOptions {
  int threads = 1;                  ///< runs side by side, one thread each
  bool quiet = false;               ///< no progress
  std::string what = "runs";        ///< that progress counts
  const RunStore* store = nullptr;  ///< where finished runs are looked for and kept; null: nowhere
  /// Other processes do the same jobs, by claims in the store's folder; null: none do.
  LeaseBook* leases = nullptr;
};

/// The runs that `jobs` make, prefixes included.
std::size_t count_runs(std::span<const Job> jobs);

/// Does all `jobs` but those that the store has already, saves each before its worker begins another, and
/// returns the finished runs in the order of `jobs`, each before its prefixes: fewer than `count_runs` only if
/// `stop` was requested. With `leases` a job that another process does is waited for, and its results are taken from the
/// store. A run that throws is recorded as one that did, and the others go on. Throws Error when
/// a result can't be saved or two runs have the same settings.
std::vector<RunResult> run_all(std::span<const Job> jobs, const DataSet& data, const QueueOptions& options,
                               const std::stop_token& stop);

}  // namespace keel::tools
