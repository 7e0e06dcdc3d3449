#include "keel/models/copy_values.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string_view>

#include "keel/models/initialize.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

using ByPath = std::map<std::string_view, const NamedParameter*>;

ByPath by_path(std::span<const NamedParameter> parameters) {
  ByPath result;
  for (const auto& named : parameters) result.emplace(named.path, &named);
  return result;
}

void require_paths(const ByPath& wanted, const ByPath& there, std::string_view side) {
  for (const auto& [path, named] : wanted) {
    if (there.contains(path)) continue;
    throw Error{
        fmt::format("values are to be copied between models, but only the one that they are copied {} "
                    "has a parameter '{}'",
                    side, path)};
  }
}

void require_type(const NamedParameter& from, const NamedParameter& to, DType dtype) {
  const auto& given = detail::values_of(from).type();
  const auto& present = to.parameter->value();
  const ValueType wanted{to.parameter->shape(),
                         present.defined() ? present.dtype() : to.parameter->dtype(dtype)};
  if (given == wanted) return;
  throw ShapeError{
      fmt::format("parameter '{}' is {} in the model that values are copied from, and {} in the other",
                  from.path, to_string(given), to_string(wanted))};
}

}  // namespace

void copy_values(std::span<const NamedParameter> from, std::span<const NamedParameter> to) {
  const auto sources = by_path(from);
  const auto targets = by_path(to);
  require_paths(sources, targets, "from");
  require_paths(targets, sources, "to");
  std::optional<DType> common;
  for (const auto& named : from)
    if (!common && named.parameter->kind() == Parameter::Kind::trained)
      common = detail::values_of(named).dtype();
  const auto dtype = common.value_or(DType::f32);
  for (const auto& named : to) require_type(*sources.at(named.path), named, dtype);
  detail::allocate(to, dtype);
  for (const auto& named : to) named.parameter->set_value(sources.at(named.path)->parameter->value());
}

}  // namespace keel
