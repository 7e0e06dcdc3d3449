#include "keel/graph/numeric_derivative.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

namespace keel {
namespace {

constexpr double no_estimate = std::numeric_limits<double>::infinity();

// Of one step to the next: the root of 10. A function that moves by stairs, as rounding makes it, has slopes
// of k stairs a step, which at several steps could agree by chance if the ratio were a fraction.
constexpr double ratio = 3.1622776601683795;
constexpr int rungs_above = 10;  // the step asked for
constexpr int rungs_below = 10;
// The share of the tolerance that the differences may be off by.
constexpr double share = 1.0 / 8.0;
// How many times the rounding of the function's values that of what they are computed from may be.
constexpr double inner_rounding = 100.0;

// The slope to one side at one step.
struct Slope {
  explicit Slope(Change what) : change(std::move(what)) {
    value = std::accumulate(change.terms.begin(), change.terms.end(), 0.0) / change.step;
    flat = std::ranges::all_of(change.terms, [](double term) { return term == 0.0; });
    rounding = (flat ? change.hidden : change.rounding) / std::abs(change.step);
  }
  [[nodiscard]] double of_term(std::size_t i) const { return change.terms[i] / change.step; }

  Change change;
  double value;
  double rounding;
  bool flat;
};

// The slopes to both sides at one step.
struct Rung {
  double step;
  Slope left;
  Slope right;
  [[nodiscard]] double central() const { return 0.5 * (left.value + right.value); }
  [[nodiscard]] double gap() const { return right.value - left.value; }
  [[nodiscard]] double rounding() const { return std::max(left.rounding, right.rounding); }
  [[nodiscard]] bool flat() const { return left.flat && right.flat; }
};

Rung rung_at(const Line& line, double step) {
  return {.step = step, .left = Slope{line(-step)}, .right = Slope{line(step)}};
}

struct Estimate {
  double value = NumericDerivative::unknown;
  double error = no_estimate;  // never NaN
  double rounding = 0.0;       // that is in the error
  double step = 0.0;
  std::size_t rung = 0;
};

void take_better(Estimate& best, const Estimate& other) {
  if (other.error < best.error) best = other;
}

// What a kink adds to the difference of two central slopes and to the difference of their gaps.
//
// Where the function is smooth, the gap between the one-sided slopes is O(h), so that r gap(h/r) - gap(h)
// vanishes. A kink of height J at distance d to one side leaves J max(0, 1 - d/h) in the gap, of which that
// expression leaves J (r - 1) at d = 0; and half of it in the central slope, where at d = 0 it would not
// show. One of the two is at least J/5 wherever the kink is within the smaller step.
double kink_between(const Rung& rung, const Rung& smaller) {
  const double shrinking = rung.step / smaller.step;
  return std::abs(shrinking * smaller.gap() - rung.gap()) / (shrinking - 1.0);
}

// NaN becomes no estimate: infinity.
double error_of(double drift, double kink, double rounding) {
  const double error = std::max(drift, kink) + rounding;
  return drift + kink + rounding < no_estimate ? error : no_estimate;
}

// From two rungs: the central slope is off by O(h^2), so that both differ by more than the error of the one
// with the smaller step.
Estimate two_sided(const Rung& rung, const Rung& smaller) {
  const double drift = std::abs(smaller.central() - rung.central());
  return {.value = smaller.central(),
          .error = error_of(drift, kink_between(rung, smaller), smaller.rounding()),
          .step = rung.step};
}

// The one-sided slope is off by O(h), which cancels in (r s(h/r) - s(h)) / (r - 1); the central slope by
// O(h^2), which cancels with r^2 in the place of r.
template <class SlopeAt>
double extrapolated(double factor, std::size_t rung, const SlopeAt& slope_at) {
  return (factor * slope_at(rung + 1) - slope_at(rung)) / (factor - 1.0);
}

double extrapolated_rounding(double factor, double rounding) {
  return rounding * (factor + 1.0) / (factor - 1.0);
}

// Whether a side changes at none of the three rungs from `rung` on, only because their steps are too small
// for the function's rounding: it changes at larger ones, and those asked for are larger.
bool is_rounded_away(std::span<const Rung> ladder, std::size_t rung, double asked_for, Slope Rung::*side) {
  return ladder[rung].step < asked_for && std::ranges::all_of(ladder.subspan(rung, 3), &Slope::flat, side) &&
         !std::ranges::all_of(ladder, &Slope::flat, side);
}

// The best of three neighbouring rungs, which make two extrapolated central slopes.
Estimate two_sided_of_ladder(std::span<const Rung> ladder, double asked_for) {
  constexpr double factor = ratio * ratio;
  Estimate best;
  for (std::size_t i = 0; i + 2 < ladder.size(); ++i) {
    if (is_rounded_away(ladder, i, asked_for, &Rung::left) &&
        is_rounded_away(ladder, i, asked_for, &Rung::right)) {
      continue;
    }
    const auto value_at = [&](std::size_t rung) {
      return extrapolated(factor, rung, [&](std::size_t k) { return ladder[k].central(); });
    };
    const double drift = std::abs(value_at(i + 1) - value_at(i));
    const double kink =
        std::max(kink_between(ladder[i], ladder[i + 1]), kink_between(ladder[i + 1], ladder[i + 2]));
    const double rounding = extrapolated_rounding(factor, ladder[i + 2].rounding());
    take_better(best, {.value = value_at(i + 1),
                       .error = error_of(drift, kink, rounding),
                       .rounding = rounding,
                       .step = ladder[i].step});
  }
  return best;
}

Estimate one_sided_of_ladder(std::span<const Rung> ladder, double asked_for, Slope Rung::*side) {
  Estimate best;
  for (std::size_t i = 0; i + 2 < ladder.size(); ++i) {
    if (is_rounded_away(ladder, i, asked_for, side)) continue;
    const auto value_at = [&](std::size_t rung) {
      return extrapolated(ratio, rung, [&](std::size_t k) { return (ladder[k].*side).value; });
    };
    const double drift = std::abs(value_at(i + 1) - value_at(i));
    const double rounding = extrapolated_rounding(ratio, (ladder[i + 2].*side).rounding);
    take_better(best, {.value = value_at(i + 1),
                       .error = error_of(drift, 0.0, rounding),
                       .step = ladder[i].step,
                       .rung = i + 1});
  }
  return best;
}

// A sum has a kink where some of its terms have one; as each may be differentiated to either side by itself,
// so their sum may lie beyond both of its own one-sided derivatives.
NumericDerivative kink_of(std::span<const Rung> ladder, const Estimate& left, const Estimate& right) {
  NumericDerivative result{.kind = NumericDerivative::Kind::kink, .step = std::max(left.step, right.step)};
  result.left = left.value;
  result.right = right.value;
  result.low = -left.error - right.error;
  result.high = left.error + right.error;
  for (std::size_t i = 0; i < ladder[0].left.change.terms.size(); ++i) {
    const double from_left =
        extrapolated(ratio, left.rung, [&](std::size_t k) { return ladder[k].left.of_term(i); });
    const double from_right =
        extrapolated(ratio, right.rung, [&](std::size_t k) { return ladder[k].right.of_term(i); });
    result.low += std::min(from_left, from_right);
    result.high += std::max(from_left, from_right);
  }
  result.value = 0.5 * (left.value + right.value);
  return result;
}

NumericDerivative smooth(double value, double step) {
  return {.kind = NumericDerivative::Kind::smooth, .value = value, .step = step};
}

// Neighbouring steps differ by no more than rounding explains. Two of the differences behind it may be off the
// same way.
NumericDerivative rounded(const Estimate& estimate) {
  return {.kind = NumericDerivative::Kind::rounded,
          .value = estimate.value,
          .error = 4.0 * estimate.error,
          .step = estimate.step};
}

bool is_settled(const Estimate& estimate, const DerivativeTolerance& tolerance) {
  return estimate.error <= share * tolerance.of(estimate.value);  // false for NaN
}

// The height of the stairs by which a function moves that rounds on its way, to one side; 0 where there are none
// to be seen. Steps that are too small for them change nothing, and the least that does climbs one or two.
double stairs_of(std::span<const Rung> ladder, double asked_for, Slope Rung::*side) {
  std::size_t i = ladder.size();
  while (i > 0 && (ladder[i - 1].*side).flat) --i;
  if (i == ladder.size() || i == 0 || ladder[i - 1].step >= asked_for) return 0.0;
  const auto& slope = ladder[i - 1].*side;
  return std::abs(slope.value * slope.change.step);
}

// Both ends of a difference are off by half of a stair.
void know_stairs(std::span<Rung> ladder, double asked_for) {
  for (const auto side : {&Rung::left, &Rung::right}) {
    const double stairs = stairs_of(ladder, asked_for, side);
    for (auto& rung : ladder) {
      auto& slope = rung.*side;
      slope.rounding = std::max(slope.rounding, stairs / std::abs(slope.change.step));
    }
  }
}

// By all steps of the ladder.
NumericDerivative climb_down(const Line& line, double step, const DerivativeTolerance& tolerance) {
  std::vector<Rung> ladder;
  for (int i = rungs_above; i >= -rungs_below; --i)
    ladder.push_back(rung_at(line, step * std::pow(ratio, i)));
  know_stairs(ladder, step);
  const auto central = two_sided_of_ladder(ladder, step);
  if (is_settled(central, tolerance)) return smooth(central.value, central.step);
  const auto left = one_sided_of_ladder(ladder, step, &Rung::left);
  const auto right = one_sided_of_ladder(ladder, step, &Rung::right);
  const double mean = 0.5 * (left.value + right.value);
  const double gap = std::abs(right.value - left.value);
  const double error = left.error + right.error;
  if (gap + error <= 2.0 * share * tolerance.of(mean)) return smooth(mean, left.step);
  // Both sides must be known far better than the gap between them: slopes of noise differ too.
  if (gap > 100.0 * error) return kink_of(ladder, left, right);
  if (central.error <= inner_rounding * central.rounding) return rounded(central);
  const double guess = std::isnan(central.value) ? NumericDerivative::unknown : central.value;
  return {.value = guess, .step = central.step};
}

}  // namespace

double DerivativeTolerance::of(double derivative) const {
  return absolute + relative * std::abs(derivative);
}

NumericDerivative numeric_derivative(const Line& line, double step, const DerivativeTolerance& tolerance) {
  const Rung rung = rung_at(line, step);
  const Rung smaller = rung_at(line, step / ratio);
  if (rung.flat() && smaller.flat()) {
    const Rung largest = rung_at(line, step * std::pow(ratio, rungs_above));
    if (largest.flat()) {
      auto result = smooth(0.0, step);
      result.constant = true;
      result.error = 10.0 * largest.rounding();  // of what is computed on the way, too
      return result;
    }
  }
  const auto quick = two_sided(rung, smaller);
  return is_settled(quick, tolerance) ? smooth(quick.value, quick.step) : climb_down(line, step, tolerance);
}

}  // namespace keel
