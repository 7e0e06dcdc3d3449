#include "keel/tools/runs/run_store.hpp"

#include <fmt/format.h>

#include <cctype>
#include <fstream>

#include "keel/runtime/error.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"

namespace keel::tools {

std::string describe(const RunSettings& settings) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
  if (!settings.study.empty()) add(settings.study);
  for (const auto& [name, value] : settings.factors)
    add(value.is_word() ? value.word() : name + " " + text_of(value));
  add(settings.model);
  if (!settings.study.empty())
    add(fmt::format("batch {} rate {:.3g}", settings.batch_size, settings.learning_rate));
  add(fmt::format("seed {}", settings.seed));
  return text;
}

RunStore::RunStore(const std::filesystem::path& folder, const Json& provenance, bool reused)
    : folder_(folder / "runs"), provenance_(provenance.dump()), reused_(reused) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error)
    throw Error{fmt::format("the folder '{}' for runs can't be made: {}", folder_.string(), error.message())};
}

std::optional<RunResult> RunStore::find(const RunSettings& settings) const {
  std::ifstream file{path_of(settings)};
  if (!reused_ || !file) return std::nullopt;
  try {
    const auto json = Json::parse(file);
    if (json.at("provenance").dump() != provenance_ || json.at("settings") != to_json(settings))
      return std::nullopt;
    auto run = run_of(json.at("run"));
    run.settings = settings;
    return run;
  } catch (const std::exception&) {
    return std::nullopt;  // not a whole run: it is done again
  }
}

void RunStore::save(const RunResult& run) const {
  const Json json{
      {"provenance", Json::parse(provenance_)}, {"settings", to_json(run.settings)}, {"run", to_json(run)}};
  write_file(path_of(run.settings), json.dump());
}

std::filesystem::path RunStore::path_of(const RunSettings& settings) const {
  auto name = describe(settings);
  for (auto& character : name)
    if (std::isalnum(static_cast<unsigned char>(character)) == 0 && character != '.') character = '-';
  return folder_ / (name + ".json");
}

}  // namespace keel::tools
