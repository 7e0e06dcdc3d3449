#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keel::tools {

/// The font of all pictures, in pixels of their canvas.
constexpr double font_size = 12.0;

/// A place on a canvas, in pixels from its upper left corner.
struct Spot {
  double x = 0.0;
  double y = 0.0;
};

/// A coordinate with at most one decimal: "12.5", "7".
std::string pixels(double value);

/// A command of a path: "M12.5,7".
std::string path_step(char command, const Spot& spot);

/// <path>; nothing where there is nothing to draw. `attributes` are written as they are.
std::string svg_path(std::string_view classes, std::string_view steps, std::string_view attributes = "");

/// <text> that begins, ends or has its middle at `foot`: "start", "end", "middle".
std::string svg_text(const Spot& foot, std::string_view anchor, std::string_view text,
                     std::string_view attributes = "");

/// The width of a text in the pictures' font; an estimate, on the wide side.
double text_width(std::string_view text);

/// Breaks a text at its blanks into lines that are no wider, where it has blanks.
std::vector<std::string> wrapped(std::string_view text, double width);

}  // namespace keel::tools
