#include <fmt/format.h>

#include "keel/tools/report/caption.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/picture.hpp"

namespace keel::tools {

std::string html_figure(const Figure& figure, std::string_view data_name) {
  const auto styles = line_styles(figure);
  std::string legend;
  for (std::size_t i = 0; i < figure.series.size(); ++i)
    legend += fmt::format("<li>{}{}</li>", swatch(figure, i, styles[i]), shown(figure.series[i].label));
  return fmt::format(
      "<figure>\n<figcaption>{}<ul class=\"legend\">{}</ul></figcaption>\n{}\n<p class=\"caption\">{}</p>\n</figure>\n",
      shown(figure.title), legend, inline_picture(figure), shown(caption_of(figure, data_name)));
}

std::string html_table(const Table& table, bool listing) {
  const auto style = [&](std::size_t i) {
    return i == 0 || listing ? "" : table.words ? " class=\"words\"" : " class=\"number\"";
  };
  std::string html =
      fmt::format("<h3>{}</h3>\n<div class=\"scroll\"><table{}><thead><tr>", shown(table.title),
                  listing       ? " class=\"listing\""
                  : table.words ? " class=\"sentences\""
                                : "");
  for (std::size_t i = 0; i < table.header.size(); ++i)
    html += fmt::format("<th scope=\"col\"{}>{}</th>", style(i), shown(table.header[i]));
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto name = listing && i > 0 && i < table.header.size()
                            ? fmt::format(" data-name=\"{}\"", shown(table.header[i]))
                            : std::string{};
      html += fmt::format("<td{}{}>{}</td>", style(i), name, shown(row[i]));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace keel::tools
