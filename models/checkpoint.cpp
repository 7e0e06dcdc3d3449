#include "keel/models/checkpoint.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "keel/models/checkpoint_match.hpp"
#include "keel/models/safetensors.hpp"
#include "keel/models/safetensors_header.hpp"
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

void save_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                     const std::filesystem::path& path) {
  detail::require_distinct_paths(parameters);
  detail::require_distinct_paths(settings);
  write_safetensors(path, detail::tensors_of(parameters, path), detail::texts_of(settings));
}

void load_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                     const std::filesystem::path& path) {
  detail::require_distinct_paths(parameters);
  const Safetensors file{path};
  const auto matches = detail::match_parameters(file, parameters);
  detail::require_same_settings(file, settings);
  detail::MatchedMemory memory{matches};
  detail::copy(detail::copies_of(file, matches));
  memory.keep();
}

}  // namespace keel
