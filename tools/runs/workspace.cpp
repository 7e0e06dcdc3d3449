#include "keel/tools/runs/workspace.hpp"

#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <set>
#include <thread>

#include "keel/tools/runs/earlier_results.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

constexpr auto command_file = "command.json";

// What the folder's command was asked for; null if the folder is no command's, as far as can be read.
Json settings_in(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / command_file, error)) return {};
  try {
    return read_json(folder / command_file);
  } catch (const DataError&) {
    return {};
  }
}

// As text, in which bytes of names that are not UTF-8 are the same.
bool is_same(const Json& begun, const Json& settings) {
  return json_text(begun) == json_text(settings);
}

// The newest folder in runs/ that the same command began: their names sort by time.
fs::path newest(const Workspace::Request& request) {
  std::set<fs::path> begun;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{"runs", error}) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(request.command + "-2") && is_same(settings_in(entry.path()), request.settings))
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
  std::error_code error;
  if (begun.is_null() && fs::exists(fs::path{request.out} / command_file, error)) {
    throw UsageError{fmt::format(
        "what was begun in '{}' can't be told, since its '{}' is damaged: begin anew in another folder",
        request.out, command_file)};
  }
  if (begun.is_null()) {
    throw UsageError{fmt::format("there is nothing to resume in '{}': no command left its '{}' there",
                                 request.out, command_file)};
  }
  if (!is_same(begun, request.settings)) {
    throw UsageError{
        fmt::format("'{}' was begun by another command, with the settings {}; resume it with these, or "
                    "name another folder with --out",
                    request.out, json_text(begun))};
  }
  return request.out;
}

// Of a folder that is used already, what to do is told by what is in it.
void require_unused(const fs::path& folder, const Json& settings) {
  const auto begun = settings_in(folder);
  if (begun.is_null()) return;  // which the folder for results is asked for
  if (is_same(begun, settings)) {
    throw UsageError{fmt::format(
        "'{}' holds what the same command began: pass --resume to go on with it, or --force to begin "
        "anew",
        folder.string())};
  }
  throw UsageError{
      fmt::format("'{}' holds the results of another command, with the settings {}; name another folder with "
                  "--out, or pass --force to replace them",
                  folder.string(), json_text(begun))};
}

bool holds_something(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder, error) && !fs::is_empty(folder, error);
}

// The folder of what several processes do together, of which one may just be making it.
fs::path joined_folder(const Workspace::Request& request) {
  fs::path folder = request.out;
  for (int i = 0; i < 20 && settings_in(folder).is_null() && holds_something(folder); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  const auto begun = settings_in(folder);
  if (begun.is_null() && holds_something(folder))
    throw UsageError{
        fmt::format("'{}' is not empty, and no command left its '{}' there; name another folder with --out",
                    request.out, command_file)};
  if (!begun.is_null() && !is_same(begun, request.settings))
    throw UsageError{
        fmt::format("'{}' was begun by another command, with the settings {}; join in with these, or "
                    "name another folder with --out",
                    request.out, json_text(begun))};
  return folder;
}

fs::path ready_folder(const Workspace::Request& request) {
  if (request.join) return joined_folder(request);
  auto path = choose(request);
  if (request.resume) return path;
  if (request.force) {
    remove_earlier_results(path, request.command == "train");
  } else {
    require_unused(path, request.settings);
  }
  return path;
}

}  // namespace

Workspace::Workspace(const Request& request)
    : path_(ready_folder(request)),
      folder_(path_, request.force || request.resume || request.join),
      kept_(request.resume || request.join) {
  folder_.write(command_file, json_text(request.settings, 1) + "\n");
}

Workspace::~Workspace() {
  std::error_code ignored;
  if (kept_) return;
  fs::remove(path_ / "runs", ignored);  // only an empty one
  const fs::directory_iterator all{path_, ignored};
  if (std::distance(begin(all), end(all)) == 1) folder_.take_back(command_file);
}

fs::path Workspace::write(std::string_view name, std::string_view content) {
  auto path = folder_.write(name, content);
  kept_ = true;
  return path;
}

}  // namespace keel::tools
