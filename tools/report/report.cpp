#include "keel/tools/report/report.hpp"

#include <fmt/format.h>

#include <system_error>

#include "keel/tools/report/caption.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/picture.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

void write_pictures(const fs::path& folder, const ReportData& data) {
  for (const auto& section : data.sections) {
    const auto name = section.name.empty() ? "compare" : section.name;
    for (std::size_t i = 0; i < section.figures.size(); ++i) {
      const auto& figure = section.figures[i];
      write_file(folder / fmt::format("{}-{}.svg", name, i + 1),
                 picture_file(figure, caption_of(figure, data.data_name)));
    }
  }
}

// What commands leave beside their report.
std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> files;
  for (const char* name : {"results.json", "runs.csv", "epochs.csv", "measures.csv"})
    if (fs::is_regular_file(folder / name)) files.emplace_back(name);
  return files;
}

}  // namespace

void write_report(const fs::path& folder, const Json& results, const StudyFinder& find) {
  auto data = report_data(results, folder / "results.json", find);
  data.files = files_in(folder);
  const auto page = html_page(data);
  const auto figures = folder / "figures";
  std::error_code error;
  fs::create_directories(figures, error);
  if (error) throw Error{fmt::format("the folder '{}' can't be made: {}", figures.string(), error.message())};
  write_pictures(figures, data);
  write_file(folder / "report.html", page);
}

Json read_results(const fs::path& folder) {
  const auto path = folder / "results.json";
  if (!fs::is_directory(folder)) refuse(folder, "is not a folder");
  if (!fs::exists(path)) refuse(folder, "has no results.json: it is not the folder of a finished command");
  return read_json(path);
}

}  // namespace keel::tools
