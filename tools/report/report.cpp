#include "keel/tools/report/report.hpp"

#include <fmt/format.h>

#include <system_error>

#include "keel/tools/report/html.hpp"
#include "keel/tools/report/picture.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

void write_pictures(const fs::path& folder, std::span<const Section> sections) {
  for (const auto& section : sections) {
    const auto name = section.name.empty() ? "compare" : section.name;
    for (std::size_t i = 0; i < section.figures.size(); ++i)
      write_file(folder / fmt::format("{}-{}.svg", name, i + 1), picture_file(section.figures[i]));
  }
}

}  // namespace

void write_report(const fs::path& folder, const Json& results, const StudyFinder& find) {
  const auto data = report_data(results, folder / "results.json", find);
  const auto page = html_page(data);
  const auto figures = folder / "figures";
  std::error_code error;
  fs::create_directories(figures, error);
  if (error) throw Error{fmt::format("the folder '{}' can't be made: {}", figures.string(), error.message())};
  write_pictures(figures, data.sections);
  write_file(folder / "report.html", page);
}

Json read_results(const fs::path& folder) {
  const auto path = folder / "results.json";
  if (!fs::is_directory(folder)) refuse(folder, "is not a folder");
  if (!fs::exists(path)) refuse(folder, "has no results.json: it is not the folder of a finished command");
  return read_json(path);
}

}  // namespace keel::tools
