#include "keel/tools/system/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace keel::tools {
namespace {

constexpr const char* minus = "\u2212";
constexpr const char* nothing = "\u2013";
constexpr const char* fixed_space = "\u00A0";

// Commas between the thousands of digits that may be followed by a point.
std::string with_commas(std::string digits) {
  auto end = digits.find('.');
  if (end == std::string::npos) end = digits.size();
  for (auto place = static_cast<std::ptrdiff_t>(end) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  }
  return digits;
}

std::string without_end_zeros(std::string digits) {
  if (digits.find('.') == std::string::npos) return digits;
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.pop_back();
  return digits;
}

// A positive number that is too large or too small for plain digits.
std::string scientific(double size) {
  int exponent = static_cast<int>(std::floor(std::log10(size)));
  double mantissa = size / std::pow(10.0, exponent);
  if (!std::isfinite(mantissa)) mantissa = 1.0;  // 10^exponent is below the smallest double
  if (mantissa >= 9.95) mantissa = 1.0, ++exponent;
  return fmt::format("{}{}\u00D7{}{}", without_end_zeros(fmt::format("{:.1f}", mantissa)), fixed_space,
                     fixed_space, power_of_ten(exponent));
}

}  // namespace

std::string power_of_ten(int exponent) {
  constexpr std::array digits{"\u2070", "\u00B9", "\u00B2", "\u00B3", "\u2074",
                              "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  std::string text = "10";
  if (exponent < 0) text += "\u207B";
  for (const char digit : fmt::format("{}", std::abs(exponent)))
    text += digits.at(static_cast<std::size_t>(digit - '0'));
  return text;
}

std::string fixed_text(double value, int decimals) {
  if (!std::isfinite(value)) return nothing;
  const double size = std::abs(value);
  const bool plain = size == 0.0 || (size < 1e7 && size >= 1e-6);
  const auto digits = plain ? with_commas(fmt::format("{:.{}f}", size, decimals)) : scientific(size);
  const bool is_zero = digits.find_first_of("123456789") == std::string::npos;
  return value < 0.0 && !is_zero ? minus + digits : digits;
}

std::string cell_text(double value, int decimals) {
  if (!std::isfinite(value)) return "-";
  return std::abs(value) < 1e7 ? fmt::format("{:.{}f}", value, decimals) : fmt::format("{:.1e}", value);
}

std::string signed_cell_text(double value, int decimals) {
  const auto text = cell_text(value, decimals);
  return text.starts_with('-') ? text : "+" + text;
}

int decimals_for_three_digits(double value) {
  const double size = std::abs(value);
  if (!std::isfinite(size) || size == 0.0) return 0;
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(size))), 0, 6);
}

std::string short_text(double value) {
  return without_end_zeros(fixed_text(value, decimals_for_three_digits(value)));
}

std::string count_text(std::int64_t value) {
  const auto digits = fmt::format("{}", value);
  return value < 0 ? minus + with_commas(digits.substr(1)) : with_commas(digits);
}

std::string p_text(const std::optional<double>& p) {
  if (!p || !std::isfinite(*p)) return nothing;
  if (*p < 0.001) return fmt::format("<{}0.001", fixed_space);
  if (*p >= 0.995) return "1";
  return fmt::format("{:.{}f}", *p, *p < 0.0995 ? 3 : 2);
}

std::string seconds_text(double seconds, std::string_view space) {
  if (!std::isfinite(seconds) || seconds < 0.0 || seconds > 1e9) return nothing;
  if (seconds < 9.95) return fmt::format("{:.1f}{}s", seconds, space);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 120) return fmt::format("{}{}s", whole, space);
  if (whole < 7200) {
    return fmt::format("{}{}min {}{}s", whole / 60, space, whole % 60, space);
  }
  return fmt::format("{}{}h {}{}min", whole / 3600, space, whole % 3600 / 60, space);
}

std::size_t character_count(std::string_view text) {
  const auto begins = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; };
  return static_cast<std::size_t>(std::ranges::count_if(text, begins));
}

int decimals_for(double half_width) {
  if (!std::isfinite(half_width) || half_width <= 0.0) return 3;
  const int place = static_cast<int>(std::floor(std::log10(half_width)));
  const double first_digit = half_width / std::pow(10.0, place);
  return std::clamp((first_digit < 5.0 ? 1 : 0) - place, 0, 6);
}

}  // namespace keel::tools
