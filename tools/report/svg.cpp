#include "keel/tools/report/svg.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/report/html_text.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {

std::string pixels(double value) {
  auto text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string path_step(char command, const Spot& spot) {
  return fmt::format("{}{},{}", command, pixels(spot.x), pixels(spot.y));
}

std::string svg_path(std::string_view classes, std::string_view steps, std::string_view attributes) {
  if (steps.empty()) return "";
  return fmt::format("<path class=\"{}\"{}{} d=\"{}\"/>\n", classes, attributes.empty() ? "" : " ",
                     attributes, steps);
}

std::string svg_text(const Spot& foot, std::string_view anchor, std::string_view text,
                     std::string_view attributes) {
  if (text.empty()) return "";
  return fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\"{}{}>{}</text>\n", pixels(foot.x),
                     pixels(foot.y), anchor, attributes.empty() ? "" : " ", attributes, shown(text));
}

double text_width(std::string_view text) {
  return static_cast<double>(character_count(text)) * 0.64 * font_size;
}

std::vector<std::string> wrapped(std::string_view text, double width) {
  std::vector<std::string> lines;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
    if (text.empty()) return lines;
    const auto word = text.substr(0, text.find_first_of(" \n"));
    const bool joins =
        !lines.empty() && text_width(lines.back()) + text_width(" ") + text_width(word) <= width;
    if (joins) {
      lines.back().append(" ").append(word);
    } else {
      lines.emplace_back(word);
    }
    text.remove_prefix(word.size());
  }
}

}  // namespace keel::tools
