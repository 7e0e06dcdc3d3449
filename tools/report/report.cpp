#include "keel/tools/report/report.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "keel/tools/data/gzip.hpp"
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

constexpr std::size_t most_results = std::size_t{1} << 30;

std::string unpacked_text(const fs::path& path) {
  UnpackedFile file{path};
  std::string text;
  std::vector<std::uint8_t> piece(std::size_t{1} << 20);
  for (auto count = piece.size(); count == piece.size();) {
    count = file.read(piece);
    text.append(reinterpret_cast<const char*>(piece.data()), count);
    if (text.size() > most_results) refuse(path, "has more than {} bytes of results", most_results);
  }
  return text;
}

// What commands leave beside their report.
std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> files;
  for (const char* name : {"results.json", "results.json.gz", "runs.csv", "epochs.csv", "measures.csv"})
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
  const auto packed = folder / "results.json.gz";
  if (!fs::is_directory(folder)) refuse(folder, "is not a folder");
  if (!fs::exists(path) && fs::exists(packed)) return parse_json(unpacked_text(packed), packed);
  if (!fs::exists(path)) refuse(folder, "has no results.json: it is not the folder of a finished command");
  return read_json(path);
}

}  // namespace keel::tools
