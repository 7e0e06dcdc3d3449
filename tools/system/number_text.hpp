#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keel::tools {

/// So many decimals, a true minus sign, commas between thousands: "12,345.7". Very large and small numbers as
/// "1.2 × 10⁻⁷"; "–" for one that is not finite.
std::string fixed_text(double value, int decimals);

/// For tables on a terminal, in ASCII: so many decimals; "2.6e+17" for what would have more than seven digits
/// before the point; "-" for what is not finite.
std::string cell_text(double value, int decimals);
/// The same with its sign, also where that is a plus.
std::string signed_cell_text(double value, int decimals);

/// The decimals that show three significant digits of `value`.
int decimals_for_three_digits(double value);

/// Three significant digits, without zeros at the end.
std::string short_text(double value);

/// A whole number with commas: "60,000".
std::string count_text(std::int64_t value);

/// "0.002", "0.25", "< 0.001"; "–" for none.
std::string p_text(const std::optional<double>& p);

/// A time: "0.8 s", "12 s", "3 min 5 s", "2 h 10 min". In a page its spaces don't break lines; a terminal takes
/// `space` instead.
std::string seconds_text(double seconds, std::string_view space = "\u00A0");

/// The decimals that an interval of this half width supports: its first digit, or two if that is below 5.
int decimals_for(double half_width);

/// How many characters a text in UTF-8 has, which are fewer than its bytes.
std::size_t character_count(std::string_view text);

/// A decimal exponent in raised digits: "10⁻³".
std::string power_of_ten(int exponent);

}  // namespace keel::tools
