#include "keel/models/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "keel/models/checkpoint_match.hpp"
#include "keel/models/safetensors.hpp"
#include "keel/models/safetensors_header.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

void detail::require_distinct_paths(std::span<const NamedSetting> settings) {
  // Those that the file itself has are no numbers.
  std::map<std::string_view, std::string_view> known{{"format", "keel"}, {checksum_key, checksum_algorithm}};
  for (const auto& [path, value] : settings) {
    const auto [other, is_new] = known.emplace(path, value);
    if (is_new || other->second == value) continue;  // a layer may be visited twice
    throw Error{
        fmt::format("two settings have the path '{}', one of value {} and one of value {}: "
                    "a checkpoint could not tell them apart; give each a name of its own",
                    path, other->second, value)};
  }
}

std::string setting_text(std::optional<double> value) {
  return value ? fmt::format("{}", *value) : "none";
}

bool LoadReport::complete() const {
  return missing.empty() && left_over.empty() && of_other_type.empty() && other_settings.empty();
}

std::string LoadReport::text() const {
  auto result = fmt::format("{} loaded\n", counted(loaded.size(), "parameter"));
  const auto list = [&](std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty()) result += fmt::format("{}: {}\n", what, fmt::join(names, ", "));
  };
  list("missing", missing);
  list("left over", left_over);
  for (const auto* differences : {&of_other_type, &other_settings}) {
    for (const auto& [path, in_file, in_model] : *differences)
      result += fmt::format("{} is {} in the file and {} in the model\n", path, in_file, in_model);
  }
  return result;
}

void save_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                     const std::filesystem::path& path, const SaveOptions& options) {
  detail::require_distinct_paths(parameters);
  detail::require_distinct_paths(settings);
  auto texts = detail::texts_of(settings, options.names);
  detail::add_texts(texts, options.texts, path);
  write_safetensors(path, detail::tensors_of(parameters, path, options.names), texts);
}

std::map<std::string, std::string> checkpoint_texts(const std::filesystem::path& path) {
  Safetensors file{path};
  file.read_values();
  return file.metadata();
}

LoadReport load_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                           const std::filesystem::path& path, const LoadOptions& options) {
  detail::require_distinct_paths(parameters);
  Safetensors file{path};
  LoadReport report;
  std::vector<detail::Match> matches;
  file.read_values_if([&] {
    matches = detail::match_parameters(file, parameters, options, report);
    detail::compare_settings(file, settings, options, report);
  });
  detail::MatchedMemory memory{matches};
  detail::copy(detail::copies_of(file, matches));
  memory.keep();
  return report;
}

}  // namespace keel
