#include "keel/tools/report/report.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <system_error>

#include "keel/tools/report/gnuplot.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/svg_text.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

void write_pictures(const fs::path& folder, std::span<const Section> sections,
                    std::span<const std::string> pictures) {
  if (pictures.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error{fmt::format("the folder '{}' can't be made: {}", folder.string(), error.message())};
  std::size_t next = 0;
  for (const auto& section : sections) {
    const auto name = section.name.empty() ? "compare" : section.name;
    for (std::size_t i = 0; i < section.figures.size(); ++i)
      write_file(folder / fmt::format("{}-{}.svg", name, i + 1),
                 standalone_svg(section.figures[i], pictures[next++]));
  }
}

}  // namespace

void write_report(const fs::path& folder, const Json& results, const StudyFinder& find) {
  const auto data = report_data(results, folder / "results.json", find);
  std::vector<Figure> figures;
  for (const auto& section : data.sections)
    figures.insert(figures.end(), section.figures.begin(), section.figures.end());
  const auto pictures = draw(figures);
  const auto page = html_page(data, pictures);
  write_pictures(folder / "figures", data.sections, pictures);
  write_file(folder / "report.html", page);
}

Json read_results(const fs::path& folder) {
  const auto path = folder / "results.json";
  if (!fs::is_directory(folder)) refuse(folder, "is not a folder");
  if (!fs::exists(path)) refuse(folder, "has no results.json: it is not the folder of a finished command");
  std::ifstream file{path, std::ios::binary};
  std::ostringstream content;
  content << file.rdbuf();
  if (!file || content.str().empty()) refuse(path, "can't be read, or is empty");
  // What keel writes is eight levels deep; copies of what is a million deep would not fit on the stack.
  const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > 64) refuse(path, "is not what keel writes: it is nested too deeply");
    return true;
  };
  try {
    return Json::parse(content.str(), shallow);
  } catch (const Json::exception& error) {
    refuse(path, "is not JSON: it ends early or is corrupt");
  }
}

}  // namespace keel::tools
