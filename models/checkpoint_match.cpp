#include "keel/models/checkpoint_match.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "keel/models/initialize.hpp"
#include "keel/models/safetensors_header.hpp"
#include "keel/runtime/error.hpp"

namespace keel::detail {
namespace {

// `name` with a beginning of it, up to a dot, replaced: the longest that `renamed` has.
std::string renamed_path(const std::string& name, const std::map<std::string, std::string>& renamed) {
  for (auto end = name.size(); end != std::string::npos && end > 0; end = name.rfind('.', end - 1)) {
    const auto found = renamed.find(name.substr(0, end));
    if (found == renamed.end()) continue;
    const auto rest = name.substr(end);
    return found->second.empty() && !rest.empty() ? rest.substr(1) : found->second + rest;
  }
  return name;
}

// What a name of the file's stands for among the model's; none where it is not to be looked at.
std::optional<std::string> wanted_name(const std::string& name, const LoadOptions& options) {
  if (!name.starts_with(options.prefix)) return std::nullopt;
  return renamed_path(name.substr(options.prefix.size()), options.renamed);
}

// Whether a text may be a setting, as far as a function that renames them is concerned: a number, or "none".
bool may_be_setting(const std::string& name, const std::string& text) {
  double number = 0.0;
  const auto* const end = text.data() + text.size();
  return !name.starts_with(training_prefix) &&
         (text == "none" || std::from_chars(text.data(), end, number).ptr == end);
}

// The same of an array.
std::optional<std::string> wanted_array(const std::string& name, const LoadOptions& options) {
  if (name.starts_with(optimizer_prefix)) return std::nullopt;
  auto wanted = wanted_name(name, options);
  if (wanted && options.rename) wanted = options.rename(*wanted);
  return wanted && !wanted->empty() ? wanted : std::nullopt;
}

// The arrays of a file by what they stand for.
std::map<std::string, std::string> arrays_by_name(const Safetensors& file, const LoadOptions& options) {
  std::map<std::string, std::string> result;
  for (const auto& [name, entry] : file.entries()) {
    const auto wanted = wanted_array(name, options);
    if (!wanted) continue;
    const auto [other, is_new] = result.emplace(*wanted, name);
    if (!is_new) {
      file.fail(
          fmt::format("both '{}' and '{}' in it would be '{}' in the model", other->second, name, *wanted));
    }
  }
  return result;
}

// What the model's element type is, by the first parameter that has none of its own.
DType model_dtype(const Safetensors& file, std::span<const Match> matches) {
  for (const auto& [named, array, dtype] : matches) {
    const auto& entry = file.entries().at(array);
    if (named.parameter->dtype(DType::f32) == named.parameter->dtype(DType::f64)) continue;
    const auto natural = entry.natural_dtype();
    if (natural == DType::f32 || natural == DType::f64) return *natural;
  }
  return DType::f32;
}

[[noreturn]] void fail_missing(const Safetensors& file, const NamedParameter& parameter,
                               const LoadOptions& options) {
  const bool keel = options.names == Names::keel;
  const auto other = options.prefix + name_in_file(parameter, keel ? Names::pytorch : Names::keel);
  const auto own = options.prefix + name_in_file(parameter, options.names);
  const auto wanted = wanted_array(own, options);
  if (file.entries().contains(own) && wanted != name_in_file(parameter, options.names)) {
    file.fail(fmt::format("no array of it becomes '{}', which the model has: its '{}' is {}", parameter.path,
                          own, wanted ? fmt::format("renamed to '{}'", *wanted) : "left aside"));
  }
  const auto hint = other != own && file.entries().contains(other)
                        ? fmt::format(", but a '{}': load it with {{.names = keel::Names::{}}}", other,
                                      keel ? "pytorch" : "keel")
                        : std::string{};
  file.fail(fmt::format("it has no '{}', which the model has{}", own, hint));
}

// Of types, what differs: the shape or the element type.
[[noreturn]] void fail_type(const Safetensors& file, const LoadReport::Difference& difference) {
  file.fail(fmt::format("'{}' is {} in it and {} in the model", difference.path, difference.in_file,
                        difference.in_model));
}

// As keel calls it, where it has that very type.
std::string dtype_text(const SafetensorsEntry& entry) {
  const auto natural = entry.natural_dtype();
  const bool is_converted = entry.dtype == "I64" || entry.dtype.ends_with("F16");
  return natural && !is_converted ? std::string{name_of(*natural)} : entry.dtype;
}

// The parameters whose arrays are there and of their shape.
std::vector<Match> match_names(const Safetensors& file, std::span<const NamedParameter> parameters,
                               const LoadOptions& options, LoadReport& report) {
  auto arrays = arrays_by_name(file, options);
  std::vector<Match> matches;
  for (const auto& named : parameters) {
    if (is_left_out(*named.parameter, options.names)) continue;
    const auto found = arrays.find(name_in_file(named, options.names));
    if (found == arrays.end()) {
      if (options.strict) fail_missing(file, named, options);
      report.missing.push_back(named.path);
      continue;
    }
    const auto array = found->second;
    arrays.erase(found);
    const auto& shape = file.entries().at(array).shape;
    if (shape == named.parameter->shape()) {
      matches.push_back({named, array, DType::f32});
      continue;
    }
    report.of_other_type.push_back({named.path, to_string(shape), to_string(named.parameter->shape())});
    if (options.strict) fail_type(file, report.of_other_type.back());
  }
  for (const auto& [wanted, name] : arrays) report.left_over.push_back(name);
  if (options.strict && !report.left_over.empty())
    file.fail(fmt::format("it has '{}', which the model does not have", report.left_over.front()));
  return matches;
}

}  // namespace

std::string name_in_file(const NamedParameter& parameter, Names names) {
  const auto& path = parameter.path;
  if (names == Names::keel) return path;
  const auto begin = path.rfind('.') == std::string::npos ? 0 : path.rfind('.') + 1;
  const auto last = std::string_view{path}.substr(begin);
  const auto replaced = [&](std::string_view name) { return path.substr(0, begin).append(name); };
  if (last == "weights" || last == "gamma") return replaced("weight");
  if (last == "beta") return replaced("bias");
  if (parameter.parameter->kind() != Parameter::Kind::statistic) return path;
  if (last == "running_variance") return replaced("running_var");
  if (last == "updates") return replaced("num_batches_tracked");
  return path;
}

bool is_left_out(const Parameter& parameter, Names names) {
  return names == Names::pytorch && parameter.kind() == Parameter::Kind::state;
}

std::vector<Match> match_parameters(const Safetensors& file, std::span<const NamedParameter> parameters,
                                    const LoadOptions& options, LoadReport& report) {
  auto matches = match_names(file, parameters, options, report);
  const auto dtype = model_dtype(file, matches);
  for (auto& [named, array, wanted] : matches) {
    const auto& value = named.parameter->value();
    wanted = value.defined() ? value.dtype() : named.parameter->dtype(dtype);
    const auto& entry = file.entries().at(array);
    if (entry.can_be_read_as(wanted)) {
      report.loaded.push_back(named.path);
      continue;
    }
    report.of_other_type.push_back({named.path, dtype_text(entry), std::string{name_of(wanted)}});
    if (options.strict) fail_type(file, report.of_other_type.back());
  }
  std::erase_if(matches, [&](const Match& match) {
    return !file.entries().at(match.array).can_be_read_as(match.dtype);
  });
  for (const auto& named : parameters) {
    const auto is_it = [&](const Match& match) { return match.parameter.parameter == named.parameter; };
    if (named.parameter->value().defined() || std::ranges::any_of(matches, is_it)) continue;
    file.fail(fmt::format(
        "it gives no values to '{}', which has none yet: call keel::initialize on the model first",
        named.path));
  }
  return matches;
}

void compare_settings(const Safetensors& file, std::span<const NamedSetting> settings,
                      const LoadOptions& options, LoadReport& report) {
  std::map<std::string, std::string> in_file;
  for (const auto& [name, value] : file.metadata()) {
    auto wanted = wanted_name(name, options);
    if (wanted && options.rename && may_be_setting(name, value)) wanted = options.rename(*wanted);
    if (wanted) in_file.emplace(*wanted, value);
  }
  for (const auto& [path, value] : settings) {
    const auto found = in_file.find(path);
    if (found == in_file.end() || found->second == value) continue;
    report.other_settings.push_back({path, found->second, value});
    if (options.strict) fail_type(file, report.other_settings.back());
  }
}

MatchedMemory::MatchedMemory(std::span<const Match> matches) {
  std::vector<NamedParameter> parameters;
  DType dtype = DType::f32;
  for (const auto& match : matches) {
    const auto& parameter = *match.parameter.parameter;
    if (parameter.value().defined()) continue;
    parameters.push_back(match.parameter);
    without_values_.push_back(match.parameter.parameter);
    if (parameter.dtype(DType::f32) != parameter.dtype(DType::f64)) dtype = match.dtype;
  }
  allocate(parameters, dtype);
}

MatchedMemory::~MatchedMemory() {
  for (auto* parameter : without_values_) parameter->drop_memory();
}

std::vector<Copy> copies_of(const Safetensors& file, std::span<const Match> matches) {
  std::vector<Copy> copies;
  for (const auto& [parameter, array, dtype] : matches)
    copies.push_back({file.tensor(array, dtype), parameter.parameter->value()});
  return copies;
}

void copy(std::span<const Copy> copies) {
  for (const auto& [from, into] : copies) std::copy_n(from.bytes(), from.type().bytes(), into.bytes());
}

std::vector<NamedTensor> tensors_of(std::span<const NamedParameter> parameters,
                                    const std::filesystem::path& path, Names names) {
  std::vector<NamedTensor> tensors;
  for (const auto& named : parameters) {
    const auto& value = named.parameter->value();
    if (!value.defined()) {
      throw NoValuesError{fmt::format(
          "'{}' can't be written: parameter '{}' has no values yet: call keel::initialize on the model first",
          path.string(), named.path)};
    }
    if (is_left_out(*named.parameter, names)) continue;
    const auto name = name_in_file(named, names);
    if (name.starts_with(optimizer_prefix)) {
      throw Error{fmt::format(
          "'{}' can't be written: a parameter can't be called '{}', as an optimizer's arrays are called so",
          path.string(), name)};
    }
    const bool is_floating = value.dtype() == DType::f32 || value.dtype() == DType::f64;
    tensors.push_back(
        {name, value, names == Names::pytorch && is_floating && name.ends_with("num_batches_tracked")});
  }
  return tensors;
}

std::map<std::string, std::string> texts_of(std::span<const NamedSetting> settings, Names names) {
  // (Programs that use PyTorch look for "pt".)
  std::map<std::string, std::string> texts{{"format", names == Names::pytorch ? "pt" : "keel"}};
  for (const auto& [name, value] : settings) texts[name] = value;
  return texts;
}

void add_texts(std::map<std::string, std::string>& texts, const std::map<std::string, std::string>& added,
               const std::filesystem::path& path) {
  for (const auto& [name, text] : added) {
    const bool taken = name == checksum_key || name.starts_with(training_prefix);
    if (!taken && texts.emplace(name, text).second) continue;
    throw Error{
        fmt::format("'{}' can't be written: a text can't be called '{}', since the file has another of "
                    "that name; choose another name",
                    path.string(), name)};
  }
}

}  // namespace keel::detail
