#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keel::tools {

/// How many characters fit into a line of what a file descriptor leads to: what COLUMNS says, else the
/// terminal's width, else 80. From 20 to 1,000.
std::size_t terminal_width(int descriptor);

/// A text in lines of at most `width` characters, broken at spaces; a word that is longer has a line of its
/// own. `indent` stands before each but the first, which begins `first` characters into its line. Ends
/// without a line break.
std::string wrapped(std::string_view text, std::size_t width, std::string_view indent = "",
                    std::size_t first = 0);

/// The text without what a terminal would take for a command, whatever a name or a file holds: control characters, line
/// breaks among them, as "\\x1b".
std::string printable(std::string_view text);

/// A line that is not longer than `width`, whose end is cut off if it has to be, between characters.
std::string cut_to(std::string_view line, std::size_t width);

/// Rows of cells under their names, in columns as wide as their widest cell, all but the first to the right;
/// where that is wider than `width`, a line for each cell instead: "name: cell", under the row's first.
std::string table_text(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows, std::size_t width,
                       std::string_view indent = "");

}  // namespace keel::tools
