#include "keel/models/initialize.hpp"

#include <fmt/format.h>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

template <class T>
void fill(std::span<T> values, const Initializer& initializer, Rng rng) {
  const bool is_constant = initializer.low == initializer.high;
  for (auto& value : values) {
    value = static_cast<T>(is_constant ? initializer.low : rng.uniform(initializer.low, initializer.high));
  }
}

void allocate(std::span<const NamedParameter> parameters, Parameter::Kind kind, DType dtype) {
  std::vector<ValueType> types;
  std::vector<Parameter*> members;
  for (const auto& [path, parameter] : parameters) {
    if (parameter->kind() != kind || parameter->value().defined()) continue;
    types.push_back({parameter->shape(), dtype});
    members.push_back(parameter);
  }
  const auto tensors = allocate_side_by_side(types);
  for (std::size_t i = 0; i < members.size(); ++i) members[i]->set_value(tensors[i]);
}

}  // namespace

std::vector<Tensor> allocate_side_by_side(std::span<const ValueType> types, PageOffset page_offset) {
  std::size_t bytes = 0;
  for (const auto& type : types) bytes += aligned(type.bytes());
  const auto buffer = std::make_shared<Buffer>(bytes, page_offset);
  std::vector<Tensor> tensors;
  std::size_t offset = 0;
  for (const auto& type : types) {
    tensors.emplace_back(buffer, offset, type);
    offset += aligned(type.bytes());
  }
  return tensors;
}

void initialize(std::span<const NamedParameter> parameters, const Rng& rng, DType dtype) {
  allocate(parameters, Parameter::Kind::trained, dtype);
  allocate(parameters, Parameter::Kind::state, dtype);
  for (const auto& [path, parameter] : parameters) {
    const auto& value = parameter->value();
    if (value.dtype() != dtype) {
      throw Error{fmt::format("parameter '{}' is {} and can't become {}: make a new model", path,
                              name_of(value.dtype()), name_of(dtype))};
    }
    if (dtype == DType::f64)
      fill(value.data<double>(), parameter->initializer(), rng.stream(path));
    else
      fill(value.data<float>(), parameter->initializer(), rng.stream(path));
  }
}

}  // namespace keel
