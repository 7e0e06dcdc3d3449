#include "keel/tools/training/checkpoint_folder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <system_error>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view name_begin = "step-";
constexpr std::string_view name_end = ".safetensors";
constexpr std::size_t step_digits = 12;  // so that names sort as steps do

bool is_checkpoint_name(std::string_view name) {
  if (name.size() != name_begin.size() + step_digits + name_end.size()) return false;
  if (!name.starts_with(name_begin) || !name.ends_with(name_end)) return false;
  return std::ranges::all_of(name.substr(name_begin.size(), step_digits),
                             [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path folder, int keep)
    : folder_(std::move(folder)), keep_(static_cast<std::size_t>(keep)) {}

// Oldest first.
std::vector<fs::path> CheckpointFolder::files() const {
  std::vector<fs::path> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{folder_, error})
    if (is_checkpoint_name(entry.path().filename().string())) result.push_back(entry.path());
  std::ranges::sort(result);
  return result;
}

void CheckpointFolder::save(Trainer& trainer) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    throw Error{
        fmt::format("the folder '{}' for checkpoints can't be made: {}", folder_.string(), error.message())};
  }
  const auto path = folder_ / fmt::format("{}{:0{}}{}", name_begin, trainer.steps(), step_digits, name_end);
  trainer.save(path);
  // Those of later steps are ones that could not be used; the training will come to them.
  auto older = files();
  std::erase_if(older, [&](const fs::path& file) { return file > path; });
  for (std::size_t i = 0; i + keep_ < older.size(); ++i) fs::remove(older[i], error);
}

CheckpointFolder::Restored CheckpointFolder::restore(Trainer& trainer) const {
  Restored restored;
  auto all = files();
  std::ranges::reverse(all);  // the newest first
  for (const auto& file : all) {
    try {
      trainer.load(file);
      restored.file = file;
      return restored;
    } catch (const Error& error) {
      restored.refused.emplace_back(error.what());
    }
  }
  if (restored.refused.empty()) return restored;
  throw DataError{
      fmt::format("none of the {} checkpoints in '{}' can be used: {}; begin anew with --force, or "
                  "name another folder with --out",
                  all.size(), folder_.string(), fmt::join(restored.refused, "; "))};
}

void CheckpointFolder::clear() const {
  std::error_code error;
  for (const auto& file : files()) fs::remove(file, error);
}

}  // namespace keel::tools
