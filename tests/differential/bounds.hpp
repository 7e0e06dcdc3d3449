#pragma once

#include <cstdint>
#include <vector>

#include "node_run.hpp"

namespace keel::differential {

/// The largest relative error of one correctly rounded f32 operation.
inline constexpr double unit = 0x1p-24;
/// The spacing of denormal numbers: what a product that underflows may be off by.
inline constexpr double least = 0x1p-149;
inline constexpr double least_normal = 0x1p-126;
inline constexpr double largest = 3.4028234663852886e38;

/// Four units in the last place, relative: what keel promises of a function of one number.
inline constexpr double function_error = 8 * unit;

/// What a node should have left in one of its outputs, and how far each element may be off. Where the bound is
/// infinite, an f32 number on the way overflows: anything goes. No values: not checked (a workspace).
struct Expected {
  std::vector<double> values;
  std::vector<double> bounds;
};

/// What a node should have left in all of its outputs, and in the inputs that it changes.
struct Prediction {
  std::vector<Expected> outputs;
  std::map<std::size_t, Expected> mutated;
};

/// A bound, times the sum of the terms' magnitudes, on the error of a sum of `terms` products that are each
/// added to one f32 number: rounding errors are as good as independent and grow with the root of their number
/// (Higham and Mary 2019; 4 is their lambda); the 2 is for the product and the last rounding. Equal terms are
/// rounded alike: each addition is off by at most half the last place of its partial sum, 2^-24 of the power of
/// two below it. While a sum grows evenly that comes to 0.33 to 0.37 n of the total, depending on where between
/// two powers it ends; longer sums than 4096 come in parts.
double product_sum_error(std::int64_t terms);

/// The same for a sum alone, and for the sums inside of a normalization or a softmax: they are taken in double,
/// and so are off by the rounding of their result alone, one for each axis that is summed apart.
inline constexpr double sum_error = 4 * unit;

/// Every value with a relative error.
Expected relative(std::vector<double> values, double error);
/// Values that must be met exactly.
Expected exact(std::vector<double> values);
/// Values with `error` times a magnitude each, and what so many terms lose that underflow.
Expected scaled(std::vector<double> values, double error, const std::vector<double>& magnitudes,
                std::int64_t terms = 1);

/// Whether an f32 (or f64) result is what it should be: within its bound; of the same kind if infinite or NaN.
/// Where sums on the way overflow, an infinity may meet another one and become NaN.
bool is_within(double actual, double expected, double bound);

}  // namespace keel::differential
