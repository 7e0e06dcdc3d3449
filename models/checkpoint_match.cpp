#include "keel/models/checkpoint_match.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/models/initialize.hpp"
#include "keel/runtime/error.hpp"

namespace keel::detail {
namespace {

// What the model's element type is, by the first parameter that has none of its own.
DType model_dtype(const Safetensors& file, std::span<const NamedParameter> parameters) {
  for (const auto& [path, parameter] : parameters) {
    const auto& entry = file.entries().at(path);
    if (parameter->dtype(DType::f32) == parameter->dtype(DType::f64)) continue;
    const auto dtype = entry.natural_dtype();
    if (dtype == DType::f32 || dtype == DType::f64) return *dtype;
    file.fail(fmt::format("'{}' is {}, which no parameter can be", path, entry.dtype));
  }
  return DType::f32;
}

void require_same_names(const Safetensors& file, std::span<const NamedParameter> parameters) {
  for (const auto& [path, parameter] : parameters) {
    const auto found = file.entries().find(path);
    if (found == file.entries().end()) file.fail(fmt::format("it has no '{}', which the model has", path));
    if (found->second.shape != parameter->shape()) {
      file.fail(fmt::format("'{}' is {} in it and {} in the model", path, to_string(found->second.shape),
                            to_string(parameter->shape())));
    }
  }
  for (const auto& [name, entry] : file.entries()) {
    const auto is_known =
        name.starts_with(optimizer_prefix) ||
        std::ranges::any_of(parameters, [&key = name](const auto& p) { return p.path == key; });
    if (!is_known) file.fail(fmt::format("it has '{}', which the model does not have", name));
  }
}

}  // namespace

std::vector<Match> match_parameters(const Safetensors& file, std::span<const NamedParameter> parameters) {
  require_same_names(file, parameters);
  const auto dtype = model_dtype(file, parameters);
  std::vector<Match> matches;
  for (const auto& named : parameters) {
    const auto& value = named.parameter->value();
    const auto wanted = value.defined() ? value.dtype() : named.parameter->dtype(dtype);
    const auto& entry = file.entries().at(named.path);
    if (!entry.can_be_read_as(wanted)) {
      const auto natural = entry.natural_dtype();
      file.fail(fmt::format("'{}' is {} in it and {} in the model", named.path,
                            natural ? name_of(*natural) : std::string_view{entry.dtype}, name_of(wanted)));
    }
    matches.push_back({named, named.path, wanted});
  }
  return matches;
}

void require_same_settings(const Safetensors& file, std::span<const NamedSetting> settings) {
  for (const auto& [path, value] : settings) {
    const auto found = file.metadata().find(path);
    if (found == file.metadata().end() || found->second == value) continue;
    file.fail(fmt::format("'{}' is {} in it and {} in the model", path, found->second, value));
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
  for (auto* parameter : without_values_) (void)parameter->exchange_memory({});
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
                                    const std::filesystem::path& path) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, parameter] : parameters) {
    if (!parameter->value().defined()) {
      throw NoValuesError{fmt::format(
          "'{}' can't be written: parameter '{}' has no values yet: call keel::initialize on the model first",
          path.string(), name)};
    }
    tensors.push_back({name, parameter->value()});
  }
  return tensors;
}

std::map<std::string, std::string> texts_of(std::span<const NamedSetting> settings) {
  std::map<std::string, std::string> texts{{"format", "keel"}};
  for (const auto& [name, value] : settings) texts[name] = value;
  return texts;
}

}  // namespace keel::detail
