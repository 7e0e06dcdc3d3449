#include "keel/tools/commands/option_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "keel/tools/system/near_miss.hpp"

namespace keel::tools {
namespace {

template <class Number>
std::optional<Number> read_number(const std::string& text) {
  Number value{};
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

template <class Number>
std::optional<Number> read_whole_number(const std::string& text) {
  const auto digits = text.find_first_not_of('-');
  const bool padded = digits != std::string::npos && text[digits] == '0' && text.size() > digits + 1;
  return padded ? std::nullopt : read_number<Number>(text);
}

}  // namespace

OptionCheck whole_number(std::int64_t low, std::int64_t high) {
  return [=](const std::string& text) -> std::string {
    const auto value = read_whole_number<std::int64_t>(text);
    if (value && *value >= low && *value <= high) return "";
    return fmt::format("takes a whole number from {} to {}, not '{}'", low, high, text);
  };
}

OptionCheck number_between(double low, double high) {
  return [=](const std::string& text) -> std::string {
    const auto value = read_number<double>(text);
    if (value && *value >= low && *value <= high) return "";
    return fmt::format("takes a number from {} to {}, not '{}'", low, high, text);
  };
}

OptionCheck some_text() {
  return [](const std::string& text) -> std::string { return text.empty() ? "takes a name, not ''" : ""; };
}

OptionCheck one_of(std::vector<std::string> names) {
  return [names = std::move(names)](const std::string& text) -> std::string {
    if (std::ranges::find(names, text) != names.end()) return "";
    return fmt::format("takes {}, not '{}'{}", fmt::join(names, ", "), text, suggestion(text, names));
  };
}

OptionCheck seed_number() {
  return [](const std::string& text) -> std::string {
    if (read_whole_number<std::uint64_t>(text)) return "";
    return fmt::format("takes a whole number from 0 to {}, not '{}'",
                       std::numeric_limits<std::uint64_t>::max(), text);
  };
}

}  // namespace keel::tools
