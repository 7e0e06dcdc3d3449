#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "keel/tools/training/run.hpp"

namespace keel::tools {

// Measurements of time are alike within one start of a program (where arrays lie, which pages are huge) and
// differ from the next. A study that measures time therefore starts the program anew for each value of its
// sample: a child process, keel itself with the command `measure-start`, that prints what it measured.

/// What a start of the program is to measure: networks with and without batch norm, with ReLU, on made-up
/// images.
struct TimedStart {
  std::string what = "inference";  ///< or "training"
  std::int64_t inputs = 784;
  std::vector<std::int64_t> hidden = {128};
  std::int64_t classes = 10;
  std::vector<std::int64_t> batch_sizes = {64};
  int rounds = 11;  ///< of turns: see `time_in_turns`
  std::uint64_t seed = 1;
};

/// Measures in this process, on one thread. For each size of batch, times in seconds and ratios of times as
/// "plain_seconds", "bn_seconds", "bn_over_plain_seconds"; of inference also "folded_seconds",
/// "bn_over_folded_seconds" and "folded_over_plain_seconds"; of training also what is counted in a compiled
/// step of either network, such as "bn_parameters". Throws Error for another `what`.
Measures measure_in_this_process(const TimedStart& start);

/// Lets a new process of `program` measure; nothing if a stop was requested meanwhile. Throws Error when it
/// did not.
std::optional<Measures> measure_in_a_new_process(const TimedStart& start,
                                                 const std::filesystem::path& program,
                                                 const std::stop_token& stop);

/// The factor that two starts of a program differ by in the mean: exp of the mean distance of the logarithms
/// of two `ratios`. 1 where there is only one, or one is not finite.
double difference_of_starts(std::span<const double> ratios);

}  // namespace keel::tools
