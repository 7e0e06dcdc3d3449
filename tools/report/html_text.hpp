#pragma once

#include <string>
#include <string_view>

namespace keel::tools {

/// A text such that HTML and SVG show it as it is, between tags and in quoted attributes alike. Control
/// characters, which neither may hold, become blanks.
std::string escaped(std::string_view text);

/// A text for reading, not for copying: the hyphen of a negative number ("-0.5", "[-3, -1]", "1e-5") and
/// one that stands between blanks ("batch norm - plain") are minus signs, U+2212.
std::string with_minus_signs(std::string_view text);

/// With a full stop at its end.
std::string sentence(std::string text);

/// Escaped and with minus signs: what the page says in words and numbers.
std::string shown(std::string_view text);

}  // namespace keel::tools
