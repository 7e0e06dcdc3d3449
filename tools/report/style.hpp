#pragma once

#include <string>

namespace keel::tools {

/// The style sheet of the pictures, in a page and as files, for light windows and dark ones. Its colours
/// are written out, since not every program that shows an SVG knows variables.
std::string picture_style();

/// What the report's style sheet has besides colours and pictures.
std::string page_rules();

/// The report's style sheet, with that of the pictures: for narrow and wide windows, light and dark, and
/// paper.
std::string style_sheet();

}  // namespace keel::tools
