#include "keel/tools/report/html_text.hpp"

#include <cctype>

namespace keel::tools {
namespace {

bool is_digit(char letter) {
  return std::isdigit(static_cast<unsigned char>(letter)) != 0;
}

// Whether the hyphen at `at` is a minus: of a number, its exponent, or between blanks.
bool is_minus(std::string_view text, std::size_t at) {
  const char before = at > 0 ? text[at - 1] : ' ';
  const char after = at + 1 < text.size() ? text[at + 1] : ' ';
  if (before == ' ' && after == ' ') return at > 0 && at + 1 < text.size();
  if (!is_digit(after) && after != '.') return false;
  if ((before == 'e' || before == 'E') && at > 1) return is_digit(text[at - 2]);
  const bool in_character =
      (static_cast<unsigned char>(before) & 0x80U) != 0;  // a dash, a fixed space, a sign
  return in_character || std::string_view{" \t\n[]({,;:=<>/|^~*\"'"}.find(before) != std::string_view::npos;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += static_cast<unsigned char>(letter) < 0x20U || letter == 0x7F ? ' ' : letter;
    }
  }
  return result;
}

std::string with_minus_signs(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-' && is_minus(text, i)) {
      result += "\u2212";
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string sentence(std::string text) {
  if (!text.ends_with('.')) text += '.';
  return text;
}

std::string shown(std::string_view text) {
  return escaped(with_minus_signs(text));
}

}  // namespace keel::tools
