#include "keel/tools/report/gnuplot.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "keel/runtime/error.hpp"
#include "keel/tools/report/gnuplot_script.hpp"
#include "keel/tools/report/svg_text.hpp"
#include "keel/tools/system/outside_program.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

// A folder of its own that disappears with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto name = (fs::temp_directory_path() / "keel-report-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw Error{fmt::format("a temporary folder '{}' can't be made: {}", name,
                              std::generic_category().message(errno))};
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string content_of(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// What gnuplot complains of: the line that names an error, else the last one.
std::string complaint(const fs::path& errors) {
  std::istringstream lines{content_of(errors)};
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t^") != std::string::npos) last = line;
    if (line.find("line ") != std::string::npos) break;
  }
  return last;
}

fs::path picture(const fs::path& folder, std::size_t i) {
  return folder / fmt::format("{}.svg", i);
}

void run_gnuplot(const fs::path& folder, const std::string& script) {
  const auto source = folder / "figures.gp";
  if (!(std::ofstream{source} << script << std::flush)) {
    throw Error{fmt::format("'{}' can't be written", source.string())};
  }
  const auto errors = folder / "errors";
  const auto status = run_program({"gnuplot", "-d", source.string()}, errors);
  if (!status) {
    throw Error{
        "gnuplot is not installed, so the report has no pictures yet; results.json is complete: `keel report "
        "DIR` draws it later"};
  }
  if (*status != 0) {
    throw Error{fmt::format(
        "gnuplot ended with status {} ({}); results.json is complete: `keel report DIR` draws it later",
        *status, complaint(errors))};
  }
}

}  // namespace

bool gnuplot_available() {
  const TemporaryFolder folder;
  return run_program({"gnuplot", "-d", "-e", "exit"}, folder.path() / "errors") == 0;
}

std::vector<std::string> draw(std::span<const Figure> figures) {
  std::vector<std::string> drawn;
  if (figures.empty()) return drawn;
  const TemporaryFolder folder;
  std::string script = "set encoding utf8\n";
  for (std::size_t i = 0; i < figures.size(); ++i)
    script += gnuplot_script(figures[i], lay_out(figures[i]), picture(folder.path(), i).string());
  run_gnuplot(folder.path(), script);
  for (std::size_t i = 0; i < figures.size(); ++i)
    drawn.push_back(inline_svg(content_of(picture(folder.path(), i)), spoken(figures[i])));
  return drawn;
}

}  // namespace keel::tools
