#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#pragma GCC visibility push(hidden)

namespace keel {

/// What a step along a line changes in a function that is a sum of terms.
struct Change {
  double step = 0.0;          ///< that was really made, after rounding; negative to the left
  std::vector<double> terms;  ///< each term there less the same term at the start
  double rounding = 0.0;      ///< about how far rounding may have put their sum off
  double hidden = 0.0;        ///< where no term changed, how large a change rounding may have hidden
};

/// A function along a line: what a step changes.
using Line = std::function<Change(double step)>;

/// How well a derivative has to be known.
struct DerivativeTolerance {
  double relative = 0.0;
  double absolute = 0.0;
  [[nodiscard]] double of(double derivative) const;
};

/// The derivative of a function at the start of a line, measured without any knowledge of what it should be.
struct NumericDerivative {
  enum class Kind : std::uint8_t {
    smooth,     ///< it has the derivative `value`
    rounded,    ///< the derivative is `value` give or take `error`, which rounding leaves unknown
    kink,       ///< the derivatives from the left and right differ
    unsettled,  ///< the differences do not approach a value, or not within the tolerance
  };
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

  Kind kind = Kind::unsettled;
  double value = unknown;  ///< where unsettled, the best guess
  double error = 0.0;      ///< where rounded or constant: what rounding hides
  double step = 0.0;       ///< of the differences that it comes from
  bool constant = false;   ///< no step, not even a large one, changed anything
  double left = unknown;   ///< at a kink
  double right = unknown;
  double low = unknown;  ///< at a kink: the least and greatest sum of one one-sided derivative a term
  double high = unknown;
};

/// Measures a derivative by differences at `step` and, where those do not settle it, at steps from a hundred
/// thousand times that, where rounding counts for least, down to a hundred-thousandth.
///
/// A step is trusted because differences at neighbouring steps agree with it, to an eighth of the tolerance,
/// never because its value is the expected one: an unlucky step makes no right derivative wrong, and a lucky
/// one no wrong derivative right.
NumericDerivative numeric_derivative(const Line& line, double step, const DerivativeTolerance& tolerance);

}  // namespace keel

#pragma GCC visibility pop
