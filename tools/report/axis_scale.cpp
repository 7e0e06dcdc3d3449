#include "keel/tools/report/axis_scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

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
  const double margin = span > 0.0 ? 0.05 * span : std::max(0.1 * std::abs(scale.low), 1e-9);
  if (!fixed(axis.low)) scale.low -= margin;
  if (!fixed(axis.high)) scale.high += margin;
  if (reaches_zero && scale.low < 0.0) scale.low = 0.0;
  if (!(scale.high > scale.low)) scale.high = scale.low + std::max(1.0, std::abs(scale.low));
  return scale;
}

std::vector<Tick> linear_ticks(const Scale& scale, double room) {
  constexpr int most = 6;
  const double span = scale.high - scale.low;
  for (int exponent = static_cast<int>(std::floor(std::log10(span))) - 1;; ++exponent) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double step = factor * std::pow(10.0, exponent);
      const double first = std::ceil(scale.low / step - 1e-9);
      const double last = std::floor(scale.high / step + 1e-9);
      if (last - first + 1.0 > most) continue;
      std::vector<Tick> ticks;
      double letters = 0.0;
      for (int i = 0; i <= static_cast<int>(last - first); ++i) {
        const double at = (first + i) * step;
        ticks.push_back({at, fixed_text(std::abs(at) < step / 2 ? 0.0 : at, std::clamp(-exponent, 0, 6))});
        letters += static_cast<double>(ticks.back().label.size()) + 2.0;
      }
      if (letters <= room || ticks.size() <= 2) return ticks;
    }
  }
}

// Labels for powers of ten: plain where they are short, else raised.
std::string power_label(int exponent, bool plain) {
  return plain ? fixed_text(std::pow(10.0, exponent), std::max(0, -exponent)) : power_of_ten(exponent);
}

std::vector<Tick> logarithmic_ticks(const Scale& scale, double room) {
  const double first = std::log10(scale.low);
  const double last = std::log10(scale.high);
  const double decades = last - first;
  const int lowest = static_cast<int>(std::floor(first));
  const int highest = static_cast<int>(std::ceil(last));
  const bool plain = lowest >= -3 && highest <= 4;
  const int labels = std::max(2, std::min(7, static_cast<int>(room / (plain ? 6.0 : 5.0))));
  const int every = std::max(1, static_cast<int>(std::ceil(decades / labels)));
  std::vector<Tick> ticks;
  const auto add = [&](double at, std::string label) {
    if (at >= scale.low * (1 - 1e-9) && at <= scale.high * (1 + 1e-9))
      ticks.push_back({at, std::move(label)});
  };
  for (int exponent = lowest; exponent <= highest; ++exponent) {
    const double power = std::pow(10.0, exponent);
    add(power, exponent % every == 0 ? power_label(exponent, plain) : "");
    if (decades > 6.0) continue;
    for (int factor = 2; factor <= 9; ++factor) {
      const bool labelled =
          plain && (decades < 1.7 ? factor == 2 || factor == 5 : decades < 2.5 && factor == 3);
      add(factor * power, labelled ? fixed_text(factor * power, std::max(0, -exponent)) : "");
    }
  }
  return ticks;
}

// Ticks at the values, unless they are many, have long labels or lie close together.
std::vector<Tick> ticks_at(std::span<const double> values, const Scale& scale, double room) {
  const std::set<double> distinct(values.begin(), values.end());
  if (distinct.size() > 9) return {};
  std::vector<Tick> ticks;
  double end = -1.0;  // of the label before, as a share of the axis
  for (const double value : distinct) {
    const auto label = short_text(value);
    const double rounded = std::stod(fmt::format("{:.2e}", value));
    const double half = (static_cast<double>(label.size()) + 1.0) / 2.0 / room;
    const double place = scale.place(value);
    if (label.size() > 6 || std::abs(rounded - value) > 1e-9 * std::abs(value) || place - half < end)
      return {};
    ticks.push_back({value, label});
    end = place + half;
  }
  return ticks;
}

}  // namespace

bool drawable(const Axis& axis, double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value) || size > 1e30) return false;
  return axis.logarithmic ? value > 1e-30 : size == 0.0 || size > 1e-30;
}

Scale scale_of(const Axis& axis, std::span<const double> values, double room, bool at_values) {
  if (!axis.categories.empty()) {
    Scale scale{.low = -0.5, .high = static_cast<double>(axis.categories.size()) - 0.5};
    for (const auto& category : axis.categories)
      scale.ticks.push_back({static_cast<double>(scale.ticks.size()), category});
    return scale;
  }
  auto scale = ends_of(axis, values);
  if (at_values) scale.ticks = ticks_at(values, scale, room);
  if (!scale.ticks.empty()) return scale;
  const bool decades = axis.logarithmic && scale.high / scale.low >= 8.0;
  scale.ticks = decades ? logarithmic_ticks(scale, room) : linear_ticks(scale, room);
  return scale;
}

}  // namespace keel::tools
