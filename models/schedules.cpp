#include "keel/models/schedules.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <string_view>
#include <utility>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

void require_rate(std::string_view schedule, std::string_view name, double rate) {
  if (rate >= 0.0 && std::isfinite(rate)) return;
  throw Error{fmt::format("{}: {} must be 0 or a positive number, not {}", schedule, name, rate)};
}

void require_at_least_one(std::string_view schedule, std::string_view name, std::int64_t steps) {
  if (steps >= 1) return;
  throw Error{fmt::format("{}: {} must be at least 1, not {}", schedule, name, steps)};
}

void require_step(std::int64_t step) {
  if (step >= 0) return;
  throw Error{fmt::format("a schedule has no step {}: steps count from 0", step)};
}

}  // namespace

Schedule constant_schedule(double rate) {
  require_rate("constant_schedule", "rate", rate);
  return [rate](std::int64_t step) {
    require_step(step);
    return rate;
  };
}

Schedule step_schedule(double rate, std::int64_t every, double factor) {
  require_rate("step_schedule", "rate", rate);
  require_at_least_one("step_schedule", "every", every);
  if (!(factor > 0.0) || !std::isfinite(factor))
    throw Error{fmt::format("step_schedule: factor must be a positive number, not {}", factor)};
  return [=](std::int64_t step) {
    require_step(step);
    const std::int64_t falls = step / every;
    return rate * std::pow(factor, static_cast<double>(falls));
  };
}

Schedule cosine_schedule(double rate, std::int64_t steps, double lowest) {
  require_rate("cosine_schedule", "rate", rate);
  require_at_least_one("cosine_schedule", "steps", steps);
  require_rate("cosine_schedule", "lowest", lowest);
  if (lowest > rate) throw Error{fmt::format("cosine_schedule: lowest, {}, is above rate, {}", lowest, rate)};
  return [=](std::int64_t step) {
    require_step(step);
    if (step >= steps) return lowest;
    const double progress = static_cast<double>(step) / static_cast<double>(steps);
    const double share = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    return share * rate + (1.0 - share) * lowest;
  };
}

Schedule warm_up(std::int64_t steps, Schedule then) {
  require_at_least_one("warm_up", "steps", steps);
  if (!then) throw Error{"warm_up: there is no schedule to warm up for"};
  return [steps, then = std::move(then)](std::int64_t step) {
    require_step(step);
    if (step >= steps) return then(step - steps);
    return then(0) * (static_cast<double>(step + 1) / static_cast<double>(steps));
  };
}

}  // namespace keel
