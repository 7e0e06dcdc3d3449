#include "keel/models/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keel/models/initialize.hpp"
#include "keel/models/safetensors.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// What the model's element type is, by the first parameter that has none of its own.
DType model_dtype(const Safetensors& file, std::span<const NamedParameter> parameters) {
  for (const auto& [path, parameter] : parameters) {
    const auto& entry = file.entries().at(path);
    if (parameter->dtype(DType::f32) == parameter->dtype(DType::f64)) continue;
    if (entry.type.dtype == DType::f32 || entry.type.dtype == DType::f64) return entry.type.dtype;
    file.fail(fmt::format("'{}' is {}, which no parameter can be", path, name_of(entry.type.dtype)));
  }
  return DType::f32;
}

void require_same_parameters(const Safetensors& file, std::span<const NamedParameter> parameters) {
  for (const auto& [path, parameter] : parameters) {
    const auto found = file.entries().find(path);
    if (found == file.entries().end()) file.fail(fmt::format("it has no '{}', which the model has", path));
    if (found->second.type.shape != parameter->shape()) {
      file.fail(fmt::format("'{}' is {} in it and {} in the model", path, to_string(found->second.type.shape),
                            to_string(parameter->shape())));
    }
  }
  for (const auto& [name, entry] : file.entries()) {
    const auto is_known =
        std::ranges::any_of(parameters, [&key = name](const auto& p) { return p.path == key; });
    if (!is_known) file.fail(fmt::format("it has '{}', which the model does not have", name));
  }
  const auto dtype = model_dtype(file, parameters);
  for (const auto& [path, parameter] : parameters) {
    const auto& value = parameter->value();
    const auto wanted = value.defined() ? value.dtype() : parameter->dtype(dtype);
    const auto present = file.entries().at(path).type.dtype;
    if (present != wanted) {
      file.fail(fmt::format("'{}' is {} in it and {} in the model", path, name_of(present), name_of(wanted)));
    }
  }
}

void require_same_settings(const Safetensors& file, std::span<const NamedSetting> settings) {
  for (const auto& [path, value] : settings) {
    const auto found = file.metadata().find(path);
    if (found == file.metadata().end() || found->second == value) continue;
    file.fail(fmt::format("'{}' is {} in it and {} in the model", path, found->second, value));
  }
}

}  // namespace

void detail::require_distinct_paths(std::span<const NamedSetting> settings) {
  std::map<std::string_view, std::string_view> known{{"format", "keel"}};  // which the file itself has
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
  std::vector<NamedTensor> tensors;
  for (const auto& [name, parameter] : parameters) {
    if (!parameter->value().defined()) {
      throw NoValuesError{fmt::format(
          "'{}' can't be written: parameter '{}' has no values yet: call keel::initialize on the model first",
          path.string(), name)};
    }
    tensors.push_back({name, parameter->value()});
  }
  std::map<std::string, std::string> metadata{{"format", "keel"}};
  for (const auto& [name, value] : settings) metadata[name] = value;
  write_safetensors(path, tensors, metadata);
}

void load_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                     const std::filesystem::path& path) {
  detail::require_distinct_paths(parameters);
  const Safetensors file{path};
  require_same_parameters(file, parameters);
  require_same_settings(file, settings);
  const auto values = file.read_values();
  detail::allocate(parameters, model_dtype(file, parameters));
  for (const auto& [name, parameter] : parameters) {
    const auto begin = static_cast<std::ptrdiff_t>(file.entries().at(name).begin);
    std::copy_n(values.begin() + begin, parameter->value().type().bytes(), parameter->value().bytes());
  }
}

}  // namespace keel
