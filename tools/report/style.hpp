#pragma once

#include <string_view>

namespace keel::tools {

/// The report's style sheet: for narrow and wide windows, light and dark, and paper.
std::string_view style_sheet();

}  // namespace keel::tools
