#include "keel/tools/report/html.hpp"

#include <fmt/format.h>

#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/style.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

std::string title_of(const ReportData& data) {
  if (data.sections.size() == 1 && data.sections[0].name.empty())
    return "With and without batch normalization";
  if (data.sections.size() == 1) return "Batch normalization, measured: " + data.sections[0].name;
  return "Batch normalization, measured";
}

std::string anchor(const Section& section) {
  return "study-" + section.name;
}

std::string verdict_row(const Section& section) {
  const auto claim =
      fmt::format("<td><a href=\"#{}\">{}</a></td>", escaped(anchor(section)), escaped(section.claim));
  if (section.findings.empty()) {
    return fmt::format("<tr>{}<td colspan=\"3\" class=\"muted\">reported, not judged</td></tr>\n", claim);
  }
  const auto& finding = section.findings.front();
  return fmt::format(
      "<tr>{}<td class=\"effect\">{}<br><span class=\"note\">{}</span></td>{}<td>{}</td></tr>\n", claim,
      html_effect(finding), escaped(finding.endpoint.name), html_p_cell(finding),
      html_verdict(finding.verdict));
}

std::string verdict_table(const ReportData& data) {
  if (data.sections.size() == 1 && data.sections[0].name.empty()) return "";
  std::string rows;
  for (const auto& section : data.sections) rows += verdict_row(section);
  return fmt::format(
      "<h3>Verdicts</h3>\n<table class=\"verdicts\"><thead><tr><th scope=\"col\">claim</th><th "
      "scope=\"col\">effect [95 % interval]</th><th scope=\"col\">p (Holm)</th><th "
      "scope=\"col\">verdict</th></tr></thead>\n<tbody>\n"
      "{}</tbody></table>\n",
      rows);
}

}  // namespace

std::string html_verdict(Verdict verdict) {
  const auto [style, symbol] = verdict == Verdict::supported      ? std::pair{"supported", "\u2713"}
                               : verdict == Verdict::contradicted ? std::pair{"contradicted", "\u2717"}
                                                                  : std::pair{"not-shown", "\u25CB"};
  return fmt::format("<span class=\"verdict {}\"><span aria-hidden=\"true\">{}</span>\u00A0{}</span>", style,
                     symbol, name_of(verdict));
}

std::string html_effect(const Finding& finding) {
  const auto text = effect_text(finding);
  auto html = fmt::format("<b>{}</b>", escaped(text.mean));
  if (!text.interval.empty())
    html += fmt::format(" <span class=\"interval\">{}</span>", escaped(text.interval));
  return html;
}

std::string html_p_cell(const Finding& finding) {
  const auto text = p_text(finding.effect.p);
  return fmt::format("<td class=\"p{}\">{}</td>", text.starts_with('<') ? " less" : "", escaped(text));
}

std::string html_page(const ReportData& data) {
  const auto title = title_of(data);
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, "
      "initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<header>\n<h1>{}</h1>\n",
      escaped(title), style_sheet(), escaped(title));
  page += html_facts(data) + html_troubles(data.runs) + verdict_table(data) + html_protocol(data);
  page += "</header>\n<main>\n";
  for (const auto& section : data.sections)
    page +=
        fmt::format("<section id=\"{}\">\n{}</section>\n", escaped(anchor(section)), html_section(section));
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace keel::tools
