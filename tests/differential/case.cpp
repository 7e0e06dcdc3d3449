#include "case.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "keel/runtime/error.hpp"

namespace keel::differential {
namespace {

constexpr std::array value_names{"normal",  "positive",  "offset1e3", "offset1e4", "ties",
                                 "zeros",   "denormals", "huge",      "extreme",   "constant",
                                 "nearone", "infinity",  "nan",       "labels"};
constexpr std::array role_names{"in", "const", "param"};

std::string text_of(const Shape& shape) {
  return shape.rank() == 0 ? "scalar" : fmt::format("{}", fmt::join(shape.extents(), "x"));
}

double number(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw Error{fmt::format("'{}' in a case is not a number", text)};
  return value;
}

std::size_t index(std::string_view text) {
  const double value = number(text);
  if (value < 0 || value > 1e6) throw Error{fmt::format("'{}' in a case is not the number of a value", text)};
  return static_cast<std::size_t>(value);
}

Shape shape_of(std::string_view text) {
  if (text == "scalar") return {};
  std::vector<std::int64_t> extents;
  while (!text.empty()) {
    const auto end = std::min(text.find('x'), text.size());
    extents.push_back(static_cast<std::int64_t>(index(text.substr(0, end))));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Shape{std::span<const std::int64_t>{extents}};
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream{text};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

template <std::size_t n>
std::size_t place_of(std::string_view name, const std::array<const char*, n>& names) {
  return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
}

CaseInput input_of(const std::vector<std::string>& words) {
  if (words.size() != 3) throw Error{"an input of a case is its role, its shape and its values"};
  CaseInput input;
  input.role = static_cast<Role>(place_of(words[0], role_names));
  input.shape = shape_of(words[1]);
  std::string kind = words[2];
  if (const auto colon = kind.find(':'); colon != std::string::npos) {
    input.classes = static_cast<std::int64_t>(index(kind.substr(colon + 1)));
    kind.resize(colon);
  }
  const auto place = place_of(kind, value_names);
  if (place == value_names.size()) throw Error{fmt::format("a case has no values called '{}'", kind)};
  input.values = static_cast<ValueKind>(place);
  return input;
}

CaseStep step_of(const std::vector<std::string>& words) {
  CaseStep step{.name = words[0], .operands = {}, .options = {}};
  bool options = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "|") {
      options = true;
    } else if (options) {
      step.options.push_back(number(words[i]));
    } else {
      step.operands.push_back(index(words[i]));
    }
  }
  return step;
}

}  // namespace

std::string_view name_of(ValueKind kind) {
  return value_names.at(static_cast<std::size_t>(kind));
}

std::string to_text(const Case& description) {
  std::vector<std::string> parts{fmt::format("seed {}", description.seed)};
  for (const auto& input : description.inputs) {
    auto part = fmt::format("{} {} {}", role_names.at(static_cast<std::size_t>(input.role)),
                            text_of(input.shape), name_of(input.values));
    if (input.values == ValueKind::labels) part += fmt::format(":{}", input.classes);
    parts.push_back(std::move(part));
  }
  for (const auto& step : description.steps) {
    auto part = step.name;
    for (const auto operand : step.operands) part += fmt::format(" {}", operand);
    if (!step.options.empty()) part += fmt::format(" | {}", fmt::join(step.options, " "));
    parts.push_back(std::move(part));
  }
  if (description.gradients) parts.emplace_back("gradients");
  const auto& update = description.update;
  if (!update.name.empty()) {
    parts.push_back(fmt::format("update {} {} {} {}", update.name, update.momentum, update.weight_decay,
                                update.max_norm));
  }
  if (!description.fused) parts.emplace_back("unfused");
  if (description.threads != 1) parts.push_back(fmt::format("threads {}", description.threads));
  return fmt::format("{}", fmt::join(parts, "; "));
}

Case parse_case(std::string_view text) {
  Case result;
  result.gradients = false;
  std::istringstream stream{std::string{text}};
  for (std::string part; std::getline(stream, part, ';');) {
    const auto words = words_of(part);
    if (words.empty()) continue;
    if (words[0] == "seed" && words.size() == 2) {
      result.seed = static_cast<std::uint64_t>(std::stoull(words[1]));
    } else if (place_of(words[0], role_names) < role_names.size()) {
      result.inputs.push_back(input_of(words));
    } else if (words[0] == "gradients") {
      result.gradients = true;
    } else if (words[0] == "update" && words.size() == 5) {
      result.update = {words[1], number(words[2]), number(words[3]), number(words[4])};
    } else if (words[0] == "unfused") {
      result.fused = false;
    } else if (words[0] == "threads" && words.size() == 2) {
      result.threads = static_cast<int>(index(words[1]));
    } else {
      result.steps.push_back(step_of(words));
    }
  }
  return result;
}

}  // namespace keel::differential
