#pragma once

#include <cstdint>
#include <functional>

namespace keel {

/// The learning rate of each step, counted from 0, for `set_learning_rate`. A schedule throws Error for a
/// negative step; the functions that make one throw Error, saying what is wrong, for numbers that make no
/// sense: rates must be 0 or positive, numbers of steps at least 1.
using Schedule = std::function<double(std::int64_t step)>;

/// Always `rate`.
Schedule constant_schedule(double rate);

/// `rate`, times `factor` (positive) after every `every` steps.
Schedule step_schedule(double rate, std::int64_t every, double factor);

/// From `rate` at step 0 along half a cosine to `lowest` at step `steps` (Loshchilov and Hutter 2017, without
/// restarts), where it stays. `lowest` must not be above `rate`.
Schedule cosine_schedule(double rate, std::int64_t steps, double lowest = 0.0);

/// In the first `steps` steps from 1/steps of `then`'s first rate evenly up to that rate (Goyal et al. 2017),
/// whereupon `then` begins with its step 0.
Schedule warm_up(std::int64_t steps, Schedule then);

}  // namespace keel
