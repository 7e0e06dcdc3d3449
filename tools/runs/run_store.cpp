#include "keel/tools/runs/run_store.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cstdio>
#include <string_view>

#include "keel/runtime/error.hpp"
#include "keel/tools/data/sha256.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/system/text_file.hpp"

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
  if (settings.optimizer != "sgd") add(settings.optimizer);
  if (settings.weight_decay > 0.0) add(fmt::format("decay {:.3g}", settings.weight_decay));
  if (settings.precision != DType::f32) add("in f64");
  if (settings.tuning) add("to choose a rate");
  add(fmt::format("seed {}", settings.seed));
  return text;
}

namespace {

constexpr std::uint64_t longest_run_file = std::uint64_t{1} << 28;

// A run's file is one JSON object, whose first member is the SHA-256 of the text without that member.
constexpr std::string_view before_digest = R"({"sha256":")";
constexpr std::string_view after_digest = "\",";
constexpr std::size_t digest_digits = 64;

std::string sha256_of(std::string_view text) {
  Sha256 sum;
  sum.add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return sum.hex();
}

std::string with_checksum(const std::string& object) {
  return fmt::format("{}{}{}{}\n", before_digest, sha256_of(object), after_digest, object.substr(1));
}

// The text that the checksum was taken of. Throws DataError unless it still is that.
std::string checked_text(std::string_view text, const std::filesystem::path& path) {
  constexpr auto length = before_digest.size() + digest_digits + after_digest.size();
  if (!text.starts_with(before_digest) || text.size() <= length || !text.ends_with('\n'))
    refuse(path, "has no checksum, so that it is cut short, or of an older keel");
  const auto digest = text.substr(before_digest.size(), digest_digits);
  auto object = "{" + std::string{text.substr(length, text.size() - length - 1)};
  if (!text.substr(before_digest.size() + digest_digits).starts_with(after_digest) ||
      digest != sha256_of(object))
    refuse(path, "is damaged or was changed: its checksum does not match its content");
  return object;
}

// Whether a run went on for as long as it was to.
void require_epochs(const RunResult& run) {
  const auto most = static_cast<std::size_t>(run.settings.epochs);
  const bool whole = run.settings.study.empty() && !run.diverged && run.error.empty();
  if (run.epochs.size() > most || (whole && run.epochs.size() < most))
    throw Error{fmt::format("it has {} epochs of {}", run.epochs.size(), most)};
}

}  // namespace

RunStore::RunStore(const std::filesystem::path& folder, const Json& provenance, bool reused, bool quiet)
    : folder_(folder / "runs"), provenance_(json_text(provenance)), reused_(reused), quiet_(quiet) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error)
    throw Error{fmt::format("the folder '{}' for runs can't be made: {}", folder_.string(), error.message())};
}

std::optional<RunResult> RunStore::find(const RunSettings& settings) const {
  const auto path = path_of(settings);
  std::error_code error;
  if (!reused_ || std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found)
    return std::nullopt;
  const auto text = read_text_file(path, longest_run_file);
  try {
    return run_in(text, path, settings);
  } catch (const std::exception& fault) {
    if (!quiet_) fmt::print(stderr, "keel: {}; this run is done again\n", fault.what());
    return std::nullopt;
  }
}

std::optional<RunResult> RunStore::run_in(const std::string& text, const std::filesystem::path& path,
                                          const RunSettings& settings) const {
  const auto json = parse_json(checked_text(text, path), path);
  try {
    if (json_text(json.at("provenance")) != provenance_ ||
        json_text(json.at("settings")) != json_text(to_json(settings)))
      return std::nullopt;
    auto run = run_of(json.at("run"));
    run.settings = settings;
    require_epochs(run);
    if (run.error.empty()) return run;
    return std::nullopt;  // what kept it from being finished may be over
  } catch (const std::exception& error) {
    refuse(path, "is not the run that it says: {}", error.what());
  }
}

void RunStore::save(const RunResult& run) const {
  const Json json{
      {"provenance", Json::parse(provenance_)}, {"settings", to_json(run.settings)}, {"run", to_json(run)}};
  write_file(path_of(run.settings), with_checksum(json_text(json)));
}

std::string RunStore::name_of(const RunSettings& settings) {
  auto name = describe(settings);
  for (auto& character : name)
    if (std::isalnum(static_cast<unsigned char>(character)) == 0 && character != '.') character = '-';
  return name;
}

std::filesystem::path RunStore::path_of(const RunSettings& settings) const {
  return folder_ / (name_of(settings) + ".json");
}

}  // namespace keel::tools
