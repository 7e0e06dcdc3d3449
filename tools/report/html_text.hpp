#pragma once

#include <string>
#include <string_view>

namespace keel::tools {

/// A text such that HTML and SVG show it as it is, between tags and in quoted attributes alike. Control
/// characters, which neither may hold, become blanks.
std::string escaped(std::string_view text);

}  // namespace keel::tools
