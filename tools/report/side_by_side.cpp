#include "keel/tools/report/side_by_side.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/findings/finding_json.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/style.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

// "supported", where all sets give that; "none" in words otherwise.
std::string common_verdict(std::span<const DataSetVerdicts> sets, std::size_t study) {
  const auto verdict = sets.front().primaries[study].verdict;
  const bool is_common = std::ranges::all_of(
      sets, [&](const DataSetVerdicts& set) { return set.primaries[study].verdict == verdict; });
  return is_common ? std::string{name_of(verdict)} : "differs";
}

}  // namespace

DataSetVerdicts verdicts_in(const Json& results, std::string folder) {
  DataSetVerdicts verdicts{.data = results.at("dataset").at("name").get<std::string>(),
                           .folder = std::move(folder)};
  for (const auto& study : results.at("studies")) {
    verdicts.studies.push_back(study.at("name").get<std::string>());
    verdicts.primaries.push_back(finding_of(study.at("findings").at(0)));
  }
  return verdicts;
}

Table side_by_side_table(std::span<const DataSetVerdicts> sets) {
  Table table{.title = "Verdicts side by side", .header = {"study"}};
  for (const auto& set : sets) {
    table.header.push_back(set.data);
    table.header.emplace_back("effect");
  }
  table.header.emplace_back("on all");
  for (std::size_t i = 0; i < sets.front().studies.size(); ++i) {
    std::vector<std::string> row{sets.front().studies[i]};
    for (const auto& set : sets) {
      const auto effect = effect_text(set.primaries[i]);
      row.emplace_back(name_of(set.primaries[i].verdict));
      row.push_back(effect.interval.empty() ? effect.mean : effect.mean + " " + effect.interval);
    }
    row.push_back(common_verdict(sets, i));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string side_by_side_page(std::span<const DataSetVerdicts> sets) {
  constexpr auto title = "Batch normalization, measured on several data sets";
  std::string head;
  std::string links;
  for (const auto& set : sets) {
    head += fmt::format("<th scope=\"col\">{}</th>", escaped(set.data));
    links += fmt::format("{}<a href=\"{}/report.html\">{}</a>", links.empty() ? "" : ", ",
                         escaped(set.folder), escaped(set.data));
  }
  std::string rows;
  for (std::size_t i = 0; i < sets.front().studies.size(); ++i) {
    rows += fmt::format("<tr><td><b>{}</b><br><span class=\"note\">{}</span></td>",
                        escaped(sets.front().studies[i]), escaped(sets.front().primaries[i].endpoint.claim));
    for (const auto& set : sets)
      rows += fmt::format("<td class=\"effect\">{}<br>{}</td>", html_verdict(set.primaries[i].verdict),
                          html_effect(set.primaries[i]));
    rows += fmt::format("<td>{}</td></tr>\n", common_verdict(sets, i));
  }
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n"
      "<header>\n<h1>{0}</h1>\n<p>The reports of each: {2}.</p>\n<table class=\"verdicts\"><thead><tr><th "
      "scope=\"col\">study</th>{3}<th scope=\"col\">on all</th></tr></thead>\n<tbody>\n{4}</tbody></table>\n"
      "</header>\n</body>\n</html>\n",
      title, style_sheet(), links, head, rows);
}

}  // namespace keel::tools
