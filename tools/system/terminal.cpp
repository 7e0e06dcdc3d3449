#include "keel/tools/system/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

std::optional<std::size_t> columns_variable() {
  const char* const text = std::getenv("COLUMNS");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  if (text == nullptr) return std::nullopt;
  const std::string_view digits{text};
  std::size_t columns = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), columns);
  if (error != std::errc{} || end != digits.data() + digits.size() || columns == 0) return std::nullopt;
  return columns;
}

std::string padded(const std::string& cell, std::size_t width, bool to_the_right) {
  const std::string space(width - std::min(width, character_count(cell)), ' ');
  return to_the_right ? space + cell : cell + space;
}

std::string one_below_the_other(const std::vector<std::string>& header,
                                const std::vector<std::vector<std::string>>& rows, std::size_t width,
                                const std::string& indent) {
  std::string text;
  const auto further = indent + "    ";
  for (const auto& row : rows) {
    text += indent + wrapped(row.front(), width, further, indent.size()) + "\n";
    for (std::size_t i = 1; i < row.size(); ++i) {
      const auto line = header[i].empty() ? row[i] : fmt::format("{}: {}", header[i], row[i]);
      text += indent + "  " + wrapped(line, width, further, indent.size() + 2) + "\n";
    }
  }
  return text;
}

}  // namespace

std::size_t terminal_width(int descriptor) {
  winsize size{};
  const bool known = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const std::size_t width = known ? size.ws_col : 80;
  return std::clamp<std::size_t>(columns_variable().value_or(width), 20, 1000);
}

std::string wrapped(std::string_view text, std::size_t width, std::string_view indent, std::size_t first) {
  std::string result;
  std::size_t column = first;
  bool line_is_empty = true;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto length = character_count(word);
    if (!line_is_empty && column + 1 + length > width) {
      result.append("\n").append(indent);
      column = character_count(indent);
      line_is_empty = true;
    }
    if (!line_is_empty) result += ' ', ++column;
    result += word;
    column += length;
    line_is_empty = false;
  }
  return result;
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    result += code < 0x20 || code == 0x7F ? fmt::format("\\x{:02x}", code) : std::string{letter};
  }
  return result;
}

std::string cut_to(std::string_view line, std::size_t width) {
  std::size_t characters = 0;
  std::size_t end = 0;
  for (; end < line.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(line[end]) & 0xC0U) != 0x80U;
    if (begins && ++characters > width) break;
  }
  return std::string{line.substr(0, end)};
}

std::string table_text(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows, std::size_t width,
                       std::string_view indent) {
  std::vector<std::size_t> widths;
  for (const auto& name : header) widths.push_back(character_count(name));
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], character_count(row[i]));
  std::size_t whole = indent.size() + 2 * (widths.size() - 1);
  for (const auto each : widths) whole += each;
  if (whole > width) return one_below_the_other(header, rows, width, std::string{indent});
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    text += indent;
    for (std::size_t i = 0; i < row.size(); ++i)
      text += i == 0 ? padded(row[i], widths[i], false) : "  " + padded(row[i], widths[i], true);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  };
  add(header);
  for (const auto& row : rows) add(row);
  return text;
}

}  // namespace keel::tools
