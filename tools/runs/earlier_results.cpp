#include "keel/tools/runs/earlier_results.hpp"

#include <fmt/format.h>

#include <array>
#include <system_error>
#include <vector>

#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::array results_of_studies{"command.json", "results.json", "report.html",
                                        "runs.csv",     "epochs.csv",   "measures.csv"};
constexpr std::array pictures_of_graphs{"recorded.dot", "recorded.svg", "compiled.dot", "compiled.svg"};
constexpr std::array trained_networks{"model.safetensors", "best.safetensors", "metrics.jsonl",
                                      "checkpoints"};

bool is_object_with(const fs::path& path, std::initializer_list<const char*> keys) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  try {
    const auto json = read_json(path);
    for (const char* key : keys)
      if (!json.contains(key)) return false;
    return json.is_object();
  } catch (const DataError&) {
    return false;
  }
}

bool is_of_a_command(const fs::path& folder) {
  std::error_code error;
  return is_object_with(folder / "command.json", {"command"}) ||
         is_object_with(folder / "results.json", {"schema", "keel", "runs"}) ||
         (fs::exists(folder / "recorded.dot", error) && fs::exists(folder / "compiled.dot", error));
}

// Neither a link, which is somebody's, nor a device.
void remove_regular(const fs::path& path) {
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::regular) fs::remove(path, error);
}

void remove_files(const fs::path& folder, const char* extension) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry{folder, error}, end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == extension && entry->is_regular_file(error))
      files.push_back(entry->path());
  for (const auto& file : files) fs::remove(file, error);
  fs::remove(folder, error);  // if nothing else was in it
}

}  // namespace

void remove_earlier_results(const fs::path& folder, bool networks_too) {
  std::error_code error;
  for (const char* name : trained_networks) {
    if (networks_too || !fs::exists(folder / name, error)) continue;
    throw UsageError{fmt::format(
        "the folder '{}' holds a trained network ('{}'), which --force does not replace; name another with --out",
        folder.string(), name)};
  }
  if (!is_of_a_command(folder)) {
    for (const char* name : trained_networks) {
      if (!networks_too || !fs::exists(folder / name, error)) continue;
      throw UsageError{fmt::format(
          "the folder '{}' holds '{}', which no command of keel's left there and --force does not replace; name another "
          "with --out",
          folder.string(), name)};
    }
    return;
  }
  for (const char* name : results_of_studies) remove_regular(folder / name);
  for (const char* name : pictures_of_graphs) remove_regular(folder / name);
  remove_files(folder / "runs", ".json");
  remove_files(folder / "figures", ".svg");
}

}  // namespace keel::tools
