#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/report/forest.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/html_text.hpp"

namespace keel::tools {
namespace {

std::string remarks(const Finding& finding) {
  std::string html;
  if (!finding.withheld.empty())
    html += fmt::format("<span class=\"note\"><b>Verdict withheld:</b> {}</span>",
                        shown(sentence(finding.withheld)));
  if (!finding.note.empty())
    html += fmt::format("<span class=\"note\">Note: {}</span>", shown(sentence(finding.note)));
  return html;
}

// The axis is in every row, but where rows stand close together only shown in the first of a group.
std::string finding_row(const Finding& finding, const Scale& scale, bool first, bool is_primary) {
  const auto what =
      fmt::format(R"({}{}<span class="name">{}</span>{})", is_primary ? "<b>Headline.</b> " : "",
                  shown(finding.endpoint.claim), shown(finding.endpoint.name), remarks(finding));
  return fmt::format(
      "<tr{}><td class=\"what\">{}</td><td class=\"asked\">{}</td><td class=\"effects\">{}{}</td><td "
      "class=\"effect\">{}</td>{}<td>{}</td></tr>\n",
      first ? " class=\"first\"" : "", what, shown(asked_text(finding.endpoint)), forest_axis(finding, scale),
      forest_row(finding, scale), html_effect(finding), html_p_cell(finding), html_verdict(finding.verdict));
}

// A cell with the verdict if something had been chosen otherwise.
std::string other_cell(const std::optional<Verdict>& other, Verdict judged, std::string_view name) {
  if (!other) return "<td class=\"muted none\">\u2013</td>";
  return fmt::format("<td data-name=\"{}\"{}>{}</td>", name,
                     *other == judged ? " class=\"same\"" : " class=\"changed\"", html_verdict(*other));
}

}  // namespace

std::string asked_text(const Endpoint& endpoint) {
  const bool ratio = endpoint.scale == Endpoint::Scale::ratio;
  if (endpoint.least <= (ratio ? 1.0 : 0.0)) return ratio ? "above 1" : "above 0";
  return fmt::format("at least {:g}{}{}", endpoint.least, endpoint.unit.empty() ? "" : " ", endpoint.unit);
}

std::string html_findings(const Section& section) {
  std::string rows;
  for (const auto& group : forest_groups(section.findings)) {
    for (const auto* finding : group.findings)
      rows += finding_row(*finding, group.scale, finding == group.findings.front(),
                          finding == section.findings.data() && section.findings.size() > 1);
  }
  return fmt::format(
      "<h3>Findings</h3>\n<table class=\"findings\"><thead><tr><th scope=\"col\">finding</th><th "
      "scope=\"col\">asked for</th><th scope=\"col\">effect by seed, and its intervals</th><th scope=\"col\">mean [95 % "
      "interval]</th><th scope=\"col\">p (Holm)</th><th scope=\"col\">verdict</th></tr></thead>\n<tbody>\n"
      "{}</tbody></table>\n<p class=\"key muted\">{}</p>\n",
      rows, forest_key());
}

std::string html_differences(const Section& section) {
  std::string rows;
  for (const auto& group : forest_groups(section.differences)) {
    for (const auto* finding : group.findings)
      rows += fmt::format(
          "<tr{}><td class=\"what\">{}</td><td class=\"effects\">{}{}</td><td class=\"effect\">{}</td>{}</tr>\n",
          finding == group.findings.front() ? " class=\"first\"" : "", shown(finding->endpoint.name),
          forest_axis(*finding, group.scale), forest_row(*finding, group.scale), html_effect(*finding),
          html_p_cell(*finding));
  }
  return fmt::format(
      "<h3>Differences, seed by seed</h3>\n<table class=\"findings\"><thead><tr><th scope=\"col\">difference</th><th "
      "scope=\"col\">by seed, and its interval</th><th scope=\"col\">mean [95 % interval]</th><th "
      "scope=\"col\">p</th></tr></thead>\n<tbody>\n{}</tbody></table>\n<p class=\"key muted\">Dots: each seed's "
      "difference. Thick line: the 95 % interval of their mean. Upright line: no difference.</p>\n",
      rows);
}

std::string html_other_verdicts(std::span<const Finding> findings, std::span<const OtherVerdicts> others,
                                std::span<const std::string> names) {
  const bool has_rates = std::ranges::any_of(
      others, [](const OtherVerdicts& other) { return other.tuned.has_value() || other.common.has_value(); });
  std::string rows;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const auto judged = findings[i].verdict;
    const auto& other = others[i];
    rows += fmt::format("<tr><td>{}</td><td data-name=\"as judged\">{}</td>{}{}{}{}", shown(names[i]),
                        html_verdict(judged), other_cell(other.half, judged, "half the size"),
                        other_cell(other.twice, judged, "twice the size"),
                        other_cell(other.uncorrected, judged, "no correction"),
                        other_cell(other.bonferroni, judged, "Bonferroni"));
    if (has_rates)
      rows +=
          other_cell(other.tuned, judged, "tuned rates") + other_cell(other.common, judged, "common rate");
    rows += "</tr>\n";
  }
  return fmt::format(
      "<div class=\"scroll\"><table class=\"others\"><thead><tr><th scope=\"col\"></th><th scope=\"col\">as judged "
      "(Holm)</th><th scope=\"col\">half the size</th><th scope=\"col\">twice the size</th><th scope=\"col\">no "
      "correction</th><th scope=\"col\">Bonferroni</th>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n<p class=\"key "
      "muted\">The verdict if the rule asked for half or twice the size (of a ratio, its root or its square), if p "
      "values and intervals were not corrected for other findings or by Bonferroni's method{}. What changes stands "
      "out.</p>\n",
      has_rates ? R"(<th scope="col">tuned rates</th><th scope="col">common rate</th>)" : "", rows,
      has_rates ? ", and from the runs at tuned or at common learning rates alone" : "");
}

}  // namespace keel::tools
