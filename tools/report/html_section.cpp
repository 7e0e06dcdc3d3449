#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "keel/tools/report/forest.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

// The claim is fixed before the runs; what came out otherwise is what a reader must not miss.
std::string exceptions(const Section& section) {
  constexpr std::size_t most = 4;
  std::string items;
  std::size_t count = 0;
  for (std::size_t i = 1; i < section.findings.size(); ++i) {
    const auto& finding = section.findings[i];
    if (finding.verdict != Verdict::contradicted && finding.verdict != Verdict::ruled_out) continue;
    if (++count > most) continue;
    items += fmt::format("<li>{} {} <span class=\"effect\">{}</span></li>\n", html_verdict(finding.verdict),
                         shown(finding.endpoint.claim), html_effect(finding));
  }
  if (count > most) items += fmt::format("<li>and {} more</li>\n", count - most);
  return items.empty() ? "" : fmt::format("<ul class=\"exceptions\">\n{}</ul>\n", items);
}

std::string answer(const Section& section) {
  const auto& finding = section.findings.front();
  const auto scale = forest_groups({&finding, 1}).front().scale;
  auto html = fmt::format(
      "<p class=\"headline\">{} <span class=\"effect\">{}</span></p>\n<p class=\"name\">{}</p>\n<div "
      "class=\"effects\">{}{}</div>\n",
      html_verdict(finding.verdict), html_effect(finding), shown(finding.endpoint.name),
      forest_axis(finding, scale), forest_row(finding, scale));
  html += fmt::format("<p class=\"rule\">Asked for: {}; p (Holm): {}. Of its findings {}.</p>\n",
                      shown(asked_text(finding.endpoint)), escaped(p_text(finding.effect.p_holm)),
                      counts_text(section.findings));
  if (!finding.withheld.empty())
    html += fmt::format("<p><b>Verdict withheld:</b> {}</p>\n", shown(sentence(finding.withheld)));
  if (!finding.note.empty())
    html += fmt::format("<p class=\"note\">Note: {}</p>\n", shown(sentence(finding.note)));
  return html + exceptions(section);
}

// The picture beside the verdict: the first in which the headline is marked, or else the first. None if
// there is none.
const Figure* headline_figure(const Section& section) {
  const auto& figures = section.figures;
  const auto marked =
      std::ranges::find_if(figures, [](const Figure& figure) { return figure.mark.has_value(); });
  if (marked != figures.end()) return &*marked;
  return figures.empty() ? nullptr : &figures.front();
}

// All pictures but one that stands elsewhere.
std::string figures_html(const ReportData& data, std::span<const Figure> figures, const Figure* elsewhere) {
  std::string html;
  for (const auto& figure : figures)
    if (&figure != elsewhere) html += html_figure(figure, data.data_name);
  return html.empty() ? "" : "<div class=\"figures\">\n" + html + "</div>\n";
}

std::string plural_text(std::size_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

// What there is to unfold, so that nobody needs to look in vain.
std::string contents(const Section& section) {
  std::vector<std::string> parts{"the experiment"};
  if (!section.findings.empty()) parts.push_back(plural_text(section.findings.size(), "finding"));
  if (section.figures.size() > 1) parts.push_back(plural_text(section.figures.size() - 1, "more picture"));
  const auto tables = section.tables.size() + section.training.size();
  if (tables > 0) parts.push_back(plural_text(tables, "table"));
  if (!section.caveat.empty()) parts.emplace_back("the caveat");
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string how_firm(const Section& section) {
  if (section.others.size() != section.findings.size() || section.others.empty()) return "";
  std::vector<std::string> names;
  for (const auto& finding : section.findings) names.push_back(finding.endpoint.name);
  return "<h3>How firmly the verdicts stand</h3>\n" +
         html_other_verdicts(section.findings, section.others, names);
}

std::string all_tables(const Section& section) {
  std::string html;
  for (const auto& table : section.tables) html += html_table(table);
  for (const auto& table : section.training) html += html_table(table, &table == section.training.data());
  return html;
}

std::string command_html(const Section& section) {
  return fmt::format("<p class=\"command\">To do this part again: <code>{}</code></p>\n",
                     escaped(section.command));
}

// Where nothing is judged, nothing is folded away.
std::string comparison(const ReportData& data, const Section& section) {
  auto html =
      fmt::format("<p>{}</p>\n", shown(section.experiment)) + figures_html(data, section.figures, nullptr);
  if (!section.differences.empty()) html += html_differences(section);
  return html + all_tables(section) + command_html(section);
}

}  // namespace

std::string html_section(const ReportData& data, const Section& section) {
  std::string html = "<h2>";
  if (!section.name.empty()) html += fmt::format("<span class=\"name\">{}</span>", escaped(section.name));
  html += shown(section.claim) + "</h2>\n";
  if (section.findings.empty() && section.name.empty()) return html + comparison(data, section);
  html += fmt::format(
      "<div class=\"glance\">\n<div class=\"answer\">\n{}</div>\n",
      section.findings.empty() ? "<p class=\"muted\">Reported, not judged.</p>\n" : answer(section));
  const auto* headline = headline_figure(section);
  if (headline != nullptr) html += html_figure(*headline, data.data_name);
  html += fmt::format("</div>\n<details>\n<summary>Unfold {}</summary>\n<p>{}</p>\n", contents(section),
                      shown(section.experiment));
  if (!section.caveat.empty())
    html += fmt::format("<p class=\"caveat\"><strong>Caveat.</strong> {}</p>\n", shown(section.caveat));
  if (!section.findings.empty()) {
    html += html_findings(section) +
            fmt::format("<p class=\"rule\">The headline's rule, fixed before the runs: {}.</p>\n",
                        shown(rule_of(section.findings.front().endpoint)));
  }
  html += figures_html(data, section.figures, headline);
  return html + how_firm(section) + all_tables(section) + command_html(section) + "</details>\n";
}

}  // namespace keel::tools
