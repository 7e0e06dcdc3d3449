#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// Tells whether a run belongs to what is looked at.
using RunFilter = std::function<bool(const RunResult& run)>;
/// One number of a run; NaN if it has none.
using RunValue = std::function<double(const RunResult& run)>;

/// The runs of a study, by what they have in common. References live as long as the span.
std::vector<RunResult> runs_of(std::span<const RunResult> runs, const RunFilter& filter);

/// Runs of a model; runs whose factor `name` has a value; both.
RunFilter of_model(const std::string& model);
RunFilter with_factor(const std::string& name, const Factor& value);
RunFilter operator&&(RunFilter a, RunFilter b);

/// A value of every seed: of the single run with that seed that passes.
using BySeed = std::map<std::uint64_t, double>;
BySeed by_seed(std::span<const RunResult> runs, const RunFilter& filter, const RunValue& value);

/// `combine` of two arms' values, for the seeds that both have, in their order.
std::vector<double> pairwise(const BySeed& a, const BySeed& b,
                             const std::function<double(double, double)>& combine);

/// The mean of some values at `x` with its 95 % t interval; NaN for none.
Point point_at(double x, std::span<const double> values);
/// The same over the seeds.
Point point_at(double x, const BySeed& values);

/// A number of every epoch, as a mean over the runs that pass and got that far.
std::vector<Point> by_epoch(std::span<const RunResult> runs, const RunFilter& filter,
                            const std::function<double(const EpochResult&)>& value);

/// The lesser of two numbers; NaN if one of them is.
double lesser(double a, double b);

/// A measure that is one number; NaN if the run has none of that name.
double measure(const RunResult& run, std::string_view name);
/// A measure that is a series; empty if the run has none of that name.
std::span<const double> series(const RunResult& run, std::string_view name);
/// Of a series, its mean; NaN for an empty one.
double mean_of(std::span<const double> values);

/// Accuracy, or loss, on the validation images after the last epoch; of a run that diverged, what its
/// network came to. NaN if there was no epoch.
double final_accuracy(const RunResult& run);
double final_validation_loss(const RunResult& run);

/// The values of a factor in the order of their first run.
std::vector<Factor> levels_of(std::span<const RunResult> runs, const std::string& factor);
/// The seeds that occur, in order.
std::vector<std::uint64_t> seeds_of(std::span<const RunResult> runs);

/// What an arm is called where people read: "batch norm" for "bn".
std::string label_of(const std::string& model);

}  // namespace keel::tools
