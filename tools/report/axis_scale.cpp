#include "keel/tools/report/axis_scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "keel/tools/report/svg.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

// The ends of an axis before it has ticks: the values with some room around them, but for fixed ends.
Scale ends_of(const Axis& axis, std::span<const double> values) {
  Scale scale{.logarithmic = axis.logarithmic, .low = axis.logarithmic ? 0.1 : 0.0};
  if (!values.empty()) {
    scale.low = *std::ranges::min_element(values);
    scale.high = *std::ranges::max_element(values);
  }
  const auto fixed = [&](const std::optional<double>& end) { return end && drawable(axis, *end); };
  if (fixed(axis.low)) scale.low = *axis.low;
  if (fixed(axis.high)) scale.high = *axis.high;
  const bool reaches_zero = scale.low >= 0.0;
  if (axis.logarithmic) {
    const double margin = scale.high > scale.low ? std::pow(scale.high / scale.low, 0.05) : 2.0;
    if (!fixed(axis.low)) scale.low /= margin;
    if (!fixed(axis.high)) scale.high *= margin;
    if (!(scale.high > scale.low)) scale.high = 2.0 * scale.low;
    return scale;
  }
  const double span = scale.high - scale.low;
  const double margin = span > 0.0 ? 0.05 * span : scale.low != 0.0 ? 0.1 * std::abs(scale.low) : 1.0;
  if (!fixed(axis.low)) scale.low -= margin;
  if (!fixed(axis.high)) scale.high += margin;
  if (reaches_zero && scale.low < 0.0) scale.low = 0.0;
  if (!(scale.high > scale.low)) scale.high = scale.low + std::max(1.0, std::abs(scale.low));
  return scale;
}

// Whether the labels lie clear of each other.
bool fits(const Scale& scale, std::span<const Tick> ticks, const AxisRoom& room) {
  double end = -1e9;
  for (const auto& tick : ticks) {
    if (tick.label.empty()) continue;
    const double half = room.upright ? 15.0 : (text_width(tick.label) + 10.0) / 2.0;
    const double middle = scale.place(tick.at) * room.length;
    if (middle - half < end) return false;
    end = middle + half;
  }
  return true;
}

std::vector<Tick> linear_ticks(const Scale& scale, const AxisRoom& room) {
  std::vector<Tick> finer;
  for (int exponent = static_cast<int>(std::floor(std::log10(scale.high - scale.low))) - 1;; ++exponent) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double step = factor * std::pow(10.0, exponent);
      const double first = std::ceil(scale.low / step - 1e-9);
      const int steps = static_cast<int>(std::floor(scale.high / step + 1e-9) - first);
      std::vector<Tick> ticks;
      for (int i = 0; i <= steps; ++i) {
        const double at = (first + i) * step;
        ticks.push_back({at, fixed_text(std::abs(at) < step / 2 ? 0.0 : at, std::clamp(-exponent, 0, 6))});
      }
      if (ticks.size() >= 2 && ticks.size() <= 7 && fits(scale, ticks, room)) return ticks;
      if (ticks.size() < 2) {
        // Labels so long that not even two fit: those at the ends of the finer ticks stay.
        for (std::size_t i = 1; i + 1 < finer.size(); ++i) finer[i].label.clear();
        return finer;
      }
      finer = std::move(ticks);
    }
  }
}

// Ticks at every power of ten, labelled at every `every`-th, and between them, unless there are too many;
// there those are labelled that begin with one of `digits`.
std::vector<Tick> power_ticks(const Scale& scale, std::string_view digits, int every) {
  const int lowest = static_cast<int>(std::ceil(std::log10(scale.low) - 1e-9));
  const int highest = static_cast<int>(std::floor(std::log10(scale.high) + 1e-9));
  const bool plain = lowest >= -3 && highest <= 4;
  std::vector<Tick> ticks;
  for (int exponent = lowest - 1; exponent <= highest; ++exponent) {
    const double power = std::pow(10.0, exponent);
    for (int digit = 1; digit <= (highest - lowest > 6 ? 1 : 9); ++digit) {
      const double at = digit * power;
      if (at < scale.low * (1 - 1e-9) || at > scale.high * (1 + 1e-9)) continue;
      std::string label;
      if (exponent % every == 0 && digits.find(static_cast<char>('0' + digit)) != std::string_view::npos)
        label = plain        ? fixed_text(at, std::max(0, -exponent))
                : digit == 1 ? power_of_ten(exponent)
                             : short_text(at);
      ticks.push_back({at, std::move(label)});
    }
  }
  return ticks;
}

std::vector<Tick> logarithmic_ticks(const Scale& scale, const AxisRoom& room) {
  for (const auto* digits : {"1235", "125", "13"}) {
    auto ticks = power_ticks(scale, digits, 1);
    if (fits(scale, ticks, room)) return ticks;
  }
  for (int every = 1;; ++every) {
    auto ticks = power_ticks(scale, "1", every);
    if (fits(scale, ticks, room)) return ticks;
  }
}

// Ticks at the values, unless they are many, have long labels or lie close together.
std::vector<Tick> ticks_at(std::span<const double> values, const Scale& scale, const AxisRoom& room) {
  std::vector<Tick> ticks;
  for (const double value : std::set<double>(values.begin(), values.end())) {
    ticks.push_back({value, short_text(value)});
    const double rounded = std::stod(fmt::format("{:.2e}", value));
    const bool exact = std::abs(rounded - value) <= 1e-9 * std::abs(value);
    if (!exact || ticks.size() > 9 || ticks.back().label.size() > 6) return {};
  }
  return fits(scale, ticks, room) ? ticks : std::vector<Tick>{};
}

}  // namespace

bool drawable(const Axis& axis, double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value) || size > 1e30) return false;
  return axis.logarithmic ? value > 1e-30 : size == 0.0 || size > 1e-30;
}

Scale scale_of(const Axis& axis, std::span<const double> values, const AxisRoom& room) {
  if (!axis.categories.empty()) {
    Scale scale{.low = -0.5, .high = static_cast<double>(axis.categories.size()) - 0.5};
    for (const auto& category : axis.categories)
      scale.ticks.push_back({static_cast<double>(scale.ticks.size()), category});
    return scale;
  }
  auto scale = ends_of(axis, values);
  if (room.at_values) scale.ticks = ticks_at(values, scale, room);
  if (!scale.ticks.empty()) return scale;
  // Over less than a decade round numbers are the better ticks, unless they are too few.
  const double ratio = axis.logarithmic ? scale.high / scale.low : 1.0;
  if (ratio < 8.0) scale.ticks = linear_ticks(scale, room);
  if (ratio >= 8.0 || (ratio >= 4.0 && scale.ticks.size() < 3)) scale.ticks = logarithmic_ticks(scale, room);
  return scale;
}

}  // namespace keel::tools
