#include "keel/tools/system/output_folder.hpp"

#include <fmt/chrono.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <span>
#include <system_error>

#include "keel/runtime/error.hpp"
#include "keel/runtime/write_file.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return std::generic_category().message(error);
}

// The outermost folder on the way to `path` that is not there yet; empty if there is none.
fs::path topmost_missing(fs::path path) {
  fs::path missing;
  std::error_code error;
  while (!path.empty() && fs::status(path, error).type() == fs::file_type::not_found) {
    missing = path;
    path = path.parent_path();
  }
  return missing;
}

}  // namespace

OutputFolder::OutputFolder(fs::path path, bool force) : path_(std::move(path)) {
  std::error_code error;
  topmost_created_ = topmost_missing(fs::absolute(path_));
  fs::create_directories(path_, error);
  if (error) {
    throw Error{
        fmt::format("the folder '{}' for results can't be made: {}", path_.string(), error.message())};
  }
  if (::access(path_.c_str(), W_OK | X_OK) != 0) {
    throw Error{
        fmt::format("the folder '{}' for results can't be written to: {}", path_.string(), reason(errno))};
  }
  remove_abandoned_files(path_);
  if (force) return;
  const bool empty = fs::is_empty(path_, error);
  if (error) {
    throw Error{
        fmt::format("the folder '{}' for results can't be read: {}", path_.string(), error.message())};
  }
  if (!empty) {
    throw UsageError{fmt::format(
        "the folder '{}' for results is not empty; name another with --out, or pass --force to write into it",
        path_.string())};
  }
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  // Only empty folders are removed, from the innermost to the one that was made first.
  for (auto folder = fs::absolute(path_); !keep_ && !topmost_created_.empty();
       folder = folder.parent_path()) {
    if (!fs::remove(folder, ignored) || folder == topmost_created_) break;
  }
}

fs::path OutputFolder::write(std::string_view name, std::string_view content) {
  fs::path path = path_ / name;
  write_file(path, content);
  keep_ = true;
  return path;
}

void OutputFolder::take_back(std::string_view name) {
  std::error_code ignored;
  fs::remove(path_ / name, ignored);
  keep_ = false;
}

void write_file(const fs::path& path, std::string_view content) {
  const std::array parts{std::as_bytes(std::span{content})};
  keel::write_file(path, parts);
}

fs::path default_output_folder(std::string_view command) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const auto name = fmt::format("{}-{:%Y%m%d-%H%M%S}", command, fmt::gmtime(now));
  fs::path path = fs::path{"runs"} / name;
  std::error_code error;
  for (int i = 2; fs::exists(path, error); ++i) path = fs::path{"runs"} / fmt::format("{}-{}", name, i);
  return path;
}

}  // namespace keel::tools
