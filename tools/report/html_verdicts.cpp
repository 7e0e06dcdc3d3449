#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/report/forest.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/verdict_style.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

std::ptrdiff_t count_of(std::span<const Finding> findings, Verdict verdict) {
  return std::ranges::count(findings, verdict, &Finding::verdict);
}

std::vector<Finding> primaries_of(const ReportData& data) {
  std::vector<Finding> primaries;
  for (const auto& section : data.sections)
    if (!section.findings.empty()) primaries.push_back(section.findings.front());
  return primaries;
}

std::string verdict_row(const Section& section) {
  const auto claim = fmt::format(R"(<td class="claim"><a href="#study-{}">{}</a></td>)",
                                 escaped(section.name), shown(section.claim));
  if (section.findings.empty())
    return fmt::format("<tr>{}<td colspan=\"5\" class=\"muted\">reported, not judged</td></tr>\n", claim);
  const auto& finding = section.findings.front();
  return fmt::format(
      "<tr>{}<td>{}</td><td class=\"effect\">{}<br><span class=\"note\">{}</span></td><td "
      "class=\"strip\">{}</td>{}<td class=\"counts\">{}</td></tr>\n",
      claim, html_verdict(finding.verdict), html_effect(finding), shown(finding.endpoint.name),
      forest_row(finding, aligned_scale(finding)), html_p_cell(finding), counts_text(section.findings));
}

// "7 supported, 1 contradicted, 3 not shown", with their symbols.
std::string summary(std::span<const Finding> primaries) {
  std::string text;
  for (const auto verdict :
       {Verdict::supported, Verdict::contradicted, Verdict::ruled_out, Verdict::not_shown}) {
    const auto count = count_of(primaries, verdict);
    if (count > 0)
      text += fmt::format("{}<b>{}</b> {}", text.empty() ? "" : ", ", count, html_verdict(verdict));
  }
  return fmt::format("<p class=\"summary\">Of {} claim{}: {}.</p>\n", primaries.size(),
                     primaries.size() == 1 ? "" : "s", text);
}

std::string firmness(const ReportData& data, std::span<const Finding> primaries) {
  std::vector<OtherVerdicts> others;
  std::vector<std::string> names;
  for (const auto& section : data.sections) {
    if (section.findings.empty() || section.others.empty()) continue;
    others.push_back(section.others.front());
    names.push_back(section.name);
  }
  if (others.size() != primaries.size() || others.empty()) return "";
  return fmt::format(
      "<details>\n<summary>How firmly the verdicts stand: with another size, correction or learning "
      "rate</summary>\n{}</details>\n",
      html_other_verdicts(primaries, others, names));
}

}  // namespace

std::string html_verdict(Verdict verdict) {
  const auto style = style_of(verdict);
  return fmt::format("<span class=\"verdict {}\"><span aria-hidden=\"true\">{}</span>\u00A0{}</span>",
                     style.name, style.symbol, name_of(verdict));
}

std::string html_effect(const Finding& finding) {
  const auto text = effect_text(finding);
  auto html = fmt::format("<b>{}</b>", shown(text.mean));
  if (!text.interval.empty())
    html += fmt::format(" <span class=\"interval\">{}</span>", shown(text.interval));
  return html;
}

std::string html_p_cell(const Finding& finding) {
  const auto text = p_text(finding.effect.p_holm);
  return fmt::format("<td class=\"p{}\">{}</td>", text.starts_with('<') ? " less" : "", escaped(text));
}

std::string counts_text(std::span<const Finding> findings) {
  auto text = fmt::format("{} of {} hold{}", count_of(findings, Verdict::supported), findings.size(),
                          findings.size() == 1 ? "s" : "");
  if (const auto against = count_of(findings, Verdict::contradicted))
    text += fmt::format(", {} against", against);
  if (const auto out = count_of(findings, Verdict::ruled_out)) text += fmt::format(", {} ruled out", out);
  return text;
}

std::string html_verdicts(const ReportData& data) {
  const auto primaries = primaries_of(data);
  std::string rows;
  for (const auto& section : data.sections) rows += verdict_row(section);
  return fmt::format(
      "<h2>Verdicts</h2>\n{}<table class=\"verdicts\"><thead><tr><th scope=\"col\">claim</th><th "
      "scope=\"col\">verdict</th><th scope=\"col\">effect [95 % interval]</th><th scope=\"col\" "
      "class=\"strip\">each on its own scale</th><th scope=\"col\">p (Holm)</th><th scope=\"col\">findings</th>"
      "</tr></thead>\n<tbody>\n{}</tbody></table>\n<p class=\"key muted\">{}</p>\n{}",
      primaries.empty() ? "" : summary(primaries), rows, forest_key(), firmness(data, primaries));
}

}  // namespace keel::tools
