#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/report/forest.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/picture.hpp"

namespace keel::tools {
namespace {

std::string figure_html(const Figure& figure) {
  const auto styles = line_styles(figure);
  std::string legend;
  for (std::size_t i = 0; i < figure.series.size(); ++i)
    legend += fmt::format("<li>{}{}</li>", swatch(figure, i, styles[i]), escaped(figure.series[i].label));
  return fmt::format("<figure>\n<figcaption>{}<ul class=\"legend\">{}</ul></figcaption>\n{}\n</figure>\n",
                     escaped(figure.title), legend, inline_picture(figure));
}

// The rule where the effect's name stands beside it, which would only make it harder to read.
std::string short_rule(const Endpoint& endpoint) {
  auto rule = rule_of(endpoint);
  const auto name = fmt::format(" of \"{}\"", endpoint.name);
  if (const auto at = rule.find(name); at != std::string::npos) rule.erase(at, name.size());
  return rule;
}

// The axis is in every row, but where rows stand close together only shown in the first of a group.
std::string finding_row(const Finding& finding, const Scale& scale, bool first) {
  auto what = fmt::format(R"({}<span class="name">{}</span><span class="rule">Rule: {}.</span>)",
                          escaped(finding.endpoint.claim), escaped(finding.endpoint.name),
                          escaped(short_rule(finding.endpoint)));
  if (!finding.note.empty())
    what += fmt::format("<span class=\"note\">Note: {}.</span>", escaped(finding.note));
  return fmt::format(
      "<tr{}><td class=\"what\">{}</td><td class=\"effects\">{}{}</td><td "
      "class=\"effect\">{}</td>{}<td>{}</td></tr>\n",
      first ? " class=\"first\"" : "", what, forest_axis(finding, scale), forest_row(finding, scale),
      html_effect(finding), html_p_cell(finding), html_verdict(finding.verdict));
}

std::string findings_table(const Section& section) {
  std::string rows;
  for (const auto& group : forest_groups(section.findings)) {
    for (const auto* finding : group.findings)
      rows += finding_row(*finding, group.scale, finding == group.findings.front());
  }
  return fmt::format(
      "<table class=\"findings\"><thead><tr><th scope=\"col\">finding</th><th scope=\"col\">effect and 95 % "
      "interval</th><th scope=\"col\">in numbers</th><th scope=\"col\">p (Holm)</th><th "
      "scope=\"col\">verdict</th></tr></thead>\n<tbody>\n{}</tbody></table>\n<p class=\"key muted\">Solid "
      "line: no effect. Dashed line: the size that the rule asks for, where it asks for one.</p>\n",
      rows);
}

std::string table_html(const Table& table) {
  const auto style = [&](std::size_t i) {
    return i == 0 ? "" : table.words ? " class=\"words\"" : " class=\"number\"";
  };
  std::string html = fmt::format("<h3>{}</h3>\n<div class=\"scroll\"><table{}><thead><tr>",
                                 escaped(table.title), table.words ? " class=\"sentences\"" : "");
  for (std::size_t i = 0; i < table.header.size(); ++i)
    html += fmt::format("<th scope=\"col\"{}>{}</th>", style(i), escaped(table.header[i]));
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      html += fmt::format("<td{}>{}</td>", style(i), escaped(row[i]));
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace

std::string html_section(const Section& section) {
  std::string html = "<h2>";
  if (!section.name.empty()) html += fmt::format("<span class=\"name\">{}</span>", escaped(section.name));
  html += escaped(section.claim) + "</h2>\n";
  if (!section.findings.empty()) {
    const auto& finding = section.findings.front();
    html += fmt::format("<p>{} <span class=\"effect\">{}</span> <span class=\"muted\">({})</span></p>\n",
                        html_verdict(finding.verdict), html_effect(finding), escaped(finding.endpoint.name));
  }
  html += fmt::format("<p>{}</p>\n", escaped(section.experiment));
  if (!section.figures.empty()) {
    html += "<div class=\"figures\">\n";
    for (const auto& figure : section.figures) html += figure_html(figure);
    html += "</div>\n";
  }
  if (!section.findings.empty()) html += findings_table(section);
  for (const auto& table : section.tables) html += table_html(table);
  if (!section.caveat.empty())
    html += fmt::format("<p class=\"caveat\"><strong>Caveat.</strong> {}</p>\n", escaped(section.caveat));
  return html + fmt::format("<p class=\"command\">To do this part again: <code>{}</code></p>\n",
                            escaped(section.command));
}

}  // namespace keel::tools
