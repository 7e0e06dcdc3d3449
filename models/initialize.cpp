#include "keel/models/initialize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

template <class T>
void fill(std::span<T> values, const Initializer& initializer, Rng rng) {
  std::int64_t index = 0;
  for (auto& value : values) value = static_cast<T>(initializer.sample(rng, index++));
}

// A key of the first two words; the others count from 0.
void start_stream(std::span<std::int32_t> words, Rng rng) {
  std::ranges::fill(words, 0);
  for (auto& word : words.first(std::min<std::size_t>(words.size(), 2)))
    word = static_cast<std::int32_t>(static_cast<std::uint32_t>(rng.bits() >> 32));
}

void start(const Tensor& value, const Initializer& initializer, const Rng& rng) {
  if (value.dtype() == DType::s32 && initializer.is_random_stream())
    start_stream(value.data<std::int32_t>(), rng);
  else if (value.dtype() == DType::s32 && initializer.is_constant())
    fill(value.data<std::int32_t>(), initializer, rng);
  else if (value.dtype() == DType::f64 && !initializer.is_random_stream())
    fill(value.data<double>(), initializer, rng);
  else if (value.dtype() == DType::f32 && !initializer.is_random_stream())
    fill(value.data<float>(), initializer, rng);
  else
    throw Error{fmt::format("there are no starting values of that kind for elements of type {}",
                            name_of(value.dtype()))};
}

void allocate_kind(std::span<const NamedParameter> parameters, Parameter::Kind kind, DType dtype) {
  std::vector<ValueType> types;
  std::vector<Parameter*> members;
  for (const auto& [path, parameter] : parameters) {
    if (parameter->kind() != kind || parameter->value().defined()) continue;
    types.push_back({parameter->shape(), parameter->dtype(dtype)});
    members.push_back(parameter);
  }
  const auto tensors = allocate_side_by_side(types);
  for (std::size_t i = 0; i < members.size(); ++i) members[i]->place(tensors[i]);
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

void detail::allocate(std::span<const NamedParameter> parameters, DType dtype) {
  for (const auto kind : {Parameter::Kind::trained, Parameter::Kind::statistic, Parameter::Kind::state})
    allocate_kind(parameters, kind, dtype);
}

void initialize(std::span<const NamedParameter> parameters, const Rng& rng, DType dtype) {
  detail::require_distinct_paths(parameters);
  if (dtype != DType::f32 && dtype != DType::f64) {
    throw Error{
        fmt::format("a model is initialized as f32 or f64, not as {}: a parameter of another element "
                    "type is given that of its own, where it is made",
                    name_of(dtype))};
  }
  detail::allocate(parameters, dtype);
  for (const auto& [path, parameter] : parameters) {
    parameter->place(parameter->value());
    const auto& value = parameter->value();
    const auto wanted = parameter->dtype(dtype);
    if (value.dtype() != wanted) {
      throw Error{fmt::format("parameter '{}' is {} and can't become {}: make a new model", path,
                              name_of(value.dtype()), name_of(wanted))};
    }
    start(value, parameter->initializer(), rng.stream(path));
  }
}

}  // namespace keel
