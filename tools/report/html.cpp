#include "keel/tools/report/html.hpp"

#include <fmt/format.h>

#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/style.hpp"

namespace keel::tools {
namespace {

bool is_comparison(const ReportData& data) {
  return data.sections.size() == 1 && data.sections[0].name.empty();
}

std::string title_of(const ReportData& data) {
  if (is_comparison(data)) return "With and without batch normalization";
  if (data.sections.size() == 1) return "Batch normalization, measured: " + data.sections[0].name;
  return "Batch normalization, measured";
}

}  // namespace

std::string html_page(const ReportData& data) {
  const auto title = title_of(data);
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, "
      "initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<header>\n<h1>{}</h1>\n",
      escaped(title), style_sheet(), escaped(title));
  page += html_facts(data);
  if (!is_comparison(data)) page += html_verdicts(data);
  page += html_protocol(data) + html_troubles(data.runs);
  page += "</header>\n<main>\n";
  for (const auto& section : data.sections)
    page += fmt::format("<section id=\"study-{}\">\n{}</section>\n", escaped(section.name),
                        html_section(data, section));
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace keel::tools
