#include "keel/models/parameter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

namespace keel {
namespace {

// Keeps the memory of one parameter's values alive, though many parameters lie in one buffer: whoever holds
// these values can thus be told from who holds those of another parameter, or of an earlier one.
struct ParameterMemory {
  std::shared_ptr<Buffer> buffer;
  const Parameter* parameter;  // null once it is no more

  void operator()(const Buffer*) { buffer.reset(); }
};

ParameterMemory* memory_of(const Tensor& tensor) {
  return std::get_deleter<ParameterMemory>(tensor.buffer());
}

void set_owner(const Tensor& tensor, const Parameter* parameter) {
  if (auto* memory = memory_of(tensor)) memory->parameter = parameter;
}

// The same elements, held for `parameter`.
Tensor held_for(const Parameter& parameter, const Tensor& tensor) {
  const auto* memory = memory_of(tensor);
  const auto buffer = memory == nullptr ? tensor.buffer() : memory->buffer;
  const std::shared_ptr<Buffer> held{buffer.get(), ParameterMemory{buffer, &parameter}};
  return {held, static_cast<std::size_t>(tensor.bytes() - buffer->data()), tensor.type()};
}

std::string describe_parameter(const Parameter& parameter, std::string_view name,
                               const SourceLocation& where) {
  return fmt::format("parameter '{}' of shape {}, applied at {},", name, to_string(parameter.shape()),
                     describe(where));
}

}  // namespace

Parameter::Parameter(Parameter&& other) noexcept
    : shape_(other.shape_),
      initializer_(other.initializer_),
      kind_(other.kind_),
      dtype_(other.dtype_),
      frozen_(other.frozen_),
      value_(std::exchange(other.value_, {})),
      presence_(std::move(other.presence_)) {
  set_owner(value_, this);
}

Parameter& Parameter::operator=(Parameter&& other) noexcept {
  if (this == &other) return *this;
  set_owner(value_, nullptr);
  shape_ = other.shape_;
  initializer_ = other.initializer_;
  kind_ = other.kind_;
  dtype_ = other.dtype_;
  frozen_ = other.frozen_;
  value_ = std::exchange(other.value_, {});
  presence_ = std::move(other.presence_);
  set_owner(value_, this);
  return *this;
}

Parameter::~Parameter() {
  set_owner(value_, nullptr);
}

void Parameter::require_type_of(const Tensor& values) const {
  if (!values.defined()) {
    require_values(values, fmt::format("the tensor given to a parameter of shape {}", to_string(shape_)));
  }
  const auto wanted = value_.defined() ? value_.dtype() : dtype(values.dtype());
  const bool can_be_had = dtype_ || values.dtype() == DType::f32 || values.dtype() == DType::f64;
  if (values.shape() == shape_ && values.dtype() == wanted && can_be_had) return;
  const ValueType type{shape_, can_be_had ? wanted : DType::f32};
  throw ShapeError{
      fmt::format("a parameter that is {} can't become {}: give it values of its own shape and element type",
                  to_string(type), to_string(values.type()))};
}

void Parameter::set_value(const Tensor& values) {
  require_type_of(values);
  if (value_.defined())
    std::memmove(value_.bytes(), values.bytes(), values.type().bytes());
  else
    place(values.clone());
}

void Parameter::place(const Tensor& memory) {
  require_type_of(memory);
  auto held = held_for(*this, memory);
  set_owner(value_, nullptr);
  value_ = std::move(held);
  presence_.change();
}

Tensor Parameter::exchange_memory(Tensor memory) {
  if (memory.defined() && memory.shape() != shape_) {
    throw ShapeError{fmt::format("a parameter of shape {} can't lie in memory of shape {}", to_string(shape_),
                                 to_string(memory.shape()))};
  }
  return std::exchange(value_, std::move(memory));
}

void Parameter::set_frozen(bool frozen) {
  if (frozen != frozen_) presence_.change();
  frozen_ = frozen;
}

Var Parameter::on(Tape& tape, std::string_view name, const SourceLocation& where) const {
  if (!value_.defined()) throw ParameterWithoutValues{*this, name, where};
  return tape.stored(value_, std::string{name});
}

const Parameter* parameter_of(const Tensor& tensor) {
  const auto* memory = memory_of(tensor);
  return memory == nullptr ? nullptr : memory->parameter;
}

ParameterWithoutValues::ParameterWithoutValues(const Parameter& parameter, std::string_view name,
                                               const SourceLocation& where)
    : NoValuesError(fmt::format("{} has no values yet: call keel::initialize on the model first; "
                                "where that was done, the model's visit leaves it out",
                                describe_parameter(parameter, name, where))),
      parameter_(&parameter),
      description_(describe_parameter(parameter, name, where)) {}

namespace detail {
namespace {

// "'block' > 'weights'": what each visit on the way called the next.
std::string names_of(std::span<const ModelPart> parts, std::size_t index) {
  if (index == 0) return "the model itself";
  const auto& part = parts[index];
  const auto name = fmt::format("'{}'", part.name);
  return part.parent == 0 ? name : names_of(parts, part.parent) + " > " + name;
}

std::string text_of(std::span<const ModelPart> parts, std::size_t index) {
  return fmt::format("{} of shape {}", names_of(parts, index), to_string(parts[index].parameter->shape()));
}

constexpr std::string_view advice =
    "they would start alike, and a checkpoint could not tell them apart; give each child a name of its own, "
    "without a dot, in the visit of what it belongs to";

void require_names(std::span<const ModelPart> parts) {
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto& name = parts[i].name;
    if (!name.empty() && name.find('.') == std::string::npos) continue;
    const auto parent = parts[i].parent;
    throw Error{
        fmt::format("the visit of {} names a child '{}': a name must not be empty and not have a dot in it, "
                    "which stands between the names of a path",
                    parent == 0 ? "the model" : names_of(parts, parent), name)};
  }
}

}  // namespace

bool ModelPart::contains(const void* address) const {
  const std::less_equal<> not_behind;
  const auto* byte = static_cast<const std::byte*>(address);
  return not_behind(begin, byte) && !not_behind(begin + size, byte);
}

bool is_within(std::span<const ModelPart> parts, std::size_t part, std::size_t whole) {
  while (part > whole) part = parts[part].parent;
  return part == whole;
}

std::string path_of(std::span<const ModelPart> parts, std::size_t index) {
  if (index == 0) return {};
  const auto& [name, parent, begin, size, parameter, watch] = parts[index];
  return parent == 0 ? name : path_of(parts, parent) + "." + name;
}

std::vector<NamedParameter> parameters_of(std::span<const ModelPart> parts) {
  std::vector<NamedParameter> result;
  std::set<const Parameter*> known;
  std::map<std::string, std::size_t> by_path;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto* parameter = parts[i].parameter;
    if (parameter == nullptr || !known.insert(parameter).second) continue;
    result.push_back({path_of(parts, i), parameter});
    const auto [other, is_new] = by_path.emplace(result.back().path, i);
    if (is_new) continue;
    throw Error{fmt::format("two parameters have the path '{}', {} and {}: {}", result.back().path,
                            text_of(parts, other->second), text_of(parts, i), advice)};
  }
  require_names(parts);
  return result;
}

const Tensor& values_of(const NamedParameter& parameter) {
  if (parameter.parameter->value().defined()) return parameter.parameter->value();
  throw NoValuesError{fmt::format(
      "parameter '{}' has no values yet: call keel::initialize on the model first", parameter.path)};
}

void require_distinct_paths(std::span<const NamedParameter> parameters) {
  std::map<std::string_view, const Parameter*> known;
  for (const auto& [path, parameter] : parameters) {
    const auto [other, is_new] = known.emplace(path, parameter);
    if (is_new || other->second == parameter) continue;
    throw Error{fmt::format("two parameters have the path '{}', one of shape {} and one of shape {}: {}",
                            path, to_string(other->second->shape()), to_string(parameter->shape()), advice)};
  }
}

}  // namespace detail
}  // namespace keel
