#include "keel/tools/system/json.hpp"

#include <cmath>
#include <vector>

#include "keel/runtime/error.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/system/text_file.hpp"

namespace keel::tools {

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json number(const std::optional<double>& value) {
  return value ? number(*value) : Json(nullptr);
}

double number_of(const Json& json) {
  if (json.is_null()) return std::nan("");
  if (!json.is_number()) throw Error{"there is something else where a number belongs"};
  return json.get<double>();
}

Json parse_json(std::string_view text, const std::filesystem::path& name) {
  // Copies of what is a million levels deep would not fit on the stack, and finding a member takes a look at
  // those before it.
  constexpr int deepest = 64;
  constexpr int most_members = 1000;
  std::vector<int> members(deepest + 2);
  const auto check = [&](int depth, Json::parse_event_t event, Json&) {
    if (depth > deepest) refuse(name, "is not what keel writes: it is nested too deeply");
    const auto level = static_cast<std::size_t>(depth);
    if (event == Json::parse_event_t::object_start) members[level + 1] = 0;
    if (event == Json::parse_event_t::key && ++members[level] > most_members)
      refuse(name, "is not what keel writes: an object in it has more than {} members", most_members);
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::exception&) {
    refuse(name, "is not JSON: it ends early or is corrupt");
  }
}

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json read_json(const std::filesystem::path& path) {
  const auto text = read_text_file(path);
  if (text.empty()) refuse(path, "is empty");
  return parse_json(text, path);
}

}  // namespace keel::tools
