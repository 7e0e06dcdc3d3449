#include "keel/tools/runs/workspace.hpp"

#include <fmt/format.h>

#include <fstream>
#include <set>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

constexpr auto command_file = "command.json";

// What the folder's command was asked for; null if the folder is no command's.
Json settings_in(const fs::path& folder) {
  std::ifstream file{folder / command_file};
  const auto json = file ? Json::parse(file, nullptr, false) : Json{};
  return json.is_discarded() ? Json{} : json;
}

// The newest folder in runs/ that the same command began: their names sort by time.
fs::path newest(const Workspace::Request& request) {
  std::set<fs::path> begun;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{"runs", error}) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(request.command + "-2") && settings_in(entry.path()) == request.settings)
      begun.insert(entry.path());
  }
  if (!begun.empty()) return *begun.rbegin();
  throw UsageError{fmt::format(
      "there is nothing to resume: no folder runs/{}-... was begun by the same command; name one with --out",
      request.command)};
}

fs::path choose(const Workspace::Request& request) {
  if (!request.resume)
    return request.out.empty() ? default_output_folder(request.command) : fs::path{request.out};
  if (request.out.empty()) return newest(request);
  const auto begun = settings_in(request.out);
  if (begun.is_null()) {
    throw UsageError{fmt::format("there is nothing to resume in '{}': no command left its '{}' there",
                                 request.out, command_file)};
  }
  if (begun != request.settings) {
    throw UsageError{
        fmt::format("'{}' was begun by another command, with the settings {}; resume it with these, or "
                    "name another folder with --out",
                    request.out, begun.dump())};
  }
  return request.out;
}

// Of an earlier command: beside this one's settings they would be taken for its own.
void remove_results(const fs::path& folder) {
  std::error_code error;
  for (const char* name : {"results.json", "report.html", "runs.csv", "epochs.csv", "measures.csv"})
    fs::remove(folder / name, error);
}

}  // namespace

Workspace::Workspace(const Request& request)
    : path_(choose(request)), folder_(path_, request.force || request.resume) {
  if (request.force && !request.resume && !settings_in(path_).is_null()) remove_results(path_);
  folder_.write(command_file, request.settings.dump(1) + "\n");
}

fs::path Workspace::write(std::string_view name, std::string_view content) {
  return folder_.write(name, content);
}

}  // namespace keel::tools
