#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// A number as JSON has it; null for one that is not finite, and for none.
Json number(double value);
Json number(const std::optional<double>& value);
/// Reads such a number back: NaN for null. Throws Error for anything else.
double number_of(const Json& json);

/// Parses a text that keel may have written. Throws DataError, in which it is called `name`, for one that is
/// not JSON, or is built as nothing that keel writes: nested deeper than 64 levels, or with objects of more
/// than 1,000 members, either of which costs more to handle than to send.
Json parse_json(std::string_view text, const std::filesystem::path& name);

/// The JSON as text; bytes of strings that are not UTF-8, as in a file's name, as U+FFFD. In one line, or
/// with members indented by `indent`.
std::string json_text(const Json& json, int indent = -1);

/// The JSON in a file. Throws DataError, also for what is no regular file.
Json read_json(const std::filesystem::path& path);

}  // namespace keel::tools
