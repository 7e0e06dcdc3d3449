#include "keel/tools/report/html_text.hpp"

namespace keel::tools {

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

}  // namespace keel::tools
