#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/initializer.hpp"
#include "keel/models/presence.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// One array of a model: trained by an optimizer, or kept by the forward pass itself. Its values come into
/// being with `initialize`, and stay in the same memory from then on. Not copyable, since two models must not
/// share values by accident; to share weights within a model, apply the same layer twice.
class Parameter {
 public:
  enum class Kind : std::uint8_t {
    trained,    ///< by an optimizer
    statistic,  ///< what batch norm keeps of the batches that it saw
    state,      ///< anything else that outlasts a step, such as a random stream
  };

  /// `dtype`: its own element type, whatever the model is made of; none for the model's.
  Parameter(Shape shape, Initializer initializer, Kind kind = Kind::trained,
            std::optional<DType> dtype = std::nullopt)
      : shape_(shape), initializer_(initializer), kind_(kind), dtype_(dtype) {}
  Parameter(const Parameter&) = delete;
  Parameter& operator=(const Parameter&) = delete;
  /// The values go along; what refers to `other`, a compiled step for one, says so at its next use.
  Parameter(Parameter&& other) noexcept;
  Parameter& operator=(Parameter&& other) noexcept;
  ~Parameter();

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Initializer& initializer() const { return initializer_; }
  [[nodiscard]] Kind kind() const { return kind_; }
  /// Its element type in a model of `model`.
  [[nodiscard]] DType dtype(DType model) const { return dtype_.value_or(model); }
  /// The values; undefined before `initialize`.
  [[nodiscard]] const Tensor& value() const { return value_; }
  /// Copies `values` into the parameter's memory, where compiled steps find them; a parameter without values
  /// gets memory of its own. What an optimizer keeps of it stays. Throws ShapeError when the shape, or the
  /// element type, is not the parameter's, NoValuesError when `values` is undefined.
  void set_value(const Tensor& values);
  /// Lays the values into `memory`, as it is, from now on, and makes the parameter a new one in the eyes of
  /// steps and optimizers: what `initialize` does, the memory that it has already included. Throws as
  /// `set_value` does.
  void place(const Tensor& memory);
  /// Puts `memory` in the place of the parameter's own, whatever its element type, and returns that, for a
  /// scope that puts it back: nobody is told. Throws ShapeError when the shape is another.
  [[nodiscard]] Tensor exchange_memory(Tensor memory);
  /// Lets go of its memory: without values from then on.
  void drop_memory() noexcept { value_ = {}; }
  /// Whether training leaves it as it is: see models/freeze.hpp.
  [[nodiscard]] bool frozen() const { return frozen_; }
  void set_frozen(bool frozen);

  /// The values on `tape`, called `name` there: what a layer computes with. Throws NoValuesError, naming the
  /// caller's line, before `initialize`.
  [[nodiscard]] Var on(Tape& tape, std::string_view name,
                       const SourceLocation& where = SourceLocation::current()) const;

  /// Tells when the parameter was frozen, unfrozen, initialized again, assigned anew, moved or destroyed.
  [[nodiscard]] Presence::Watch watch() const { return presence_.watch(); }

 private:
  void require_type_of(const Tensor& values) const;

  Shape shape_;
  Initializer initializer_;
  Kind kind_;
  std::optional<DType> dtype_;
  bool frozen_ = false;
  Tensor value_;
  Presence presence_;
};

/// The parameter whose values `tensor` shares; null where it has none, or the parameter is no more.
const Parameter* parameter_of(const Tensor& tensor);

/// A parameter was applied that has no values yet.
class ParameterWithoutValues : public NoValuesError {
 public:
  ParameterWithoutValues(const Parameter& parameter, std::string_view name, const SourceLocation& where);

  [[nodiscard]] const Parameter& parameter() const { return *parameter_; }
  /// What it is, and where it was applied.
  [[nodiscard]] const std::string& description() const { return description_; }

 private:
  const Parameter* parameter_;
  std::string description_;
};

/// A parameter with its path in the model, such as "fc1.weights".
struct NamedParameter {
  std::string path;
  Parameter* parameter;
};

namespace detail {

/// A part of a model, by its place in a walk through the model's `visit`s.
struct ModelPart {
  std::string name;    // as `visit` gives it; of the model itself, nothing
  std::size_t parent;  // the model is its own
  const std::byte* begin;
  std::size_t size;
  Parameter* parameter;                  // null for layers, models and ranges
  std::optional<Presence::Watch> watch;  // where it has one

  [[nodiscard]] bool contains(const void* address) const;
};

struct IgnoreChild {
  void operator()(std::string_view, auto&) const {}
};

/// Whether it has parts to walk through; a lambda that calls a model has none.
template <class Model>
inline constexpr bool has_parts = std::same_as<Model, Parameter> || std::ranges::range<Model> ||
                                  requires(Model& model) {
  model.visit(IgnoreChild{});
};

template <class Module>
void collect_parts(Module& module, std::string name, std::size_t parent, std::vector<ModelPart>& parts) {
  const auto self = parts.size();
  parts.push_back({std::move(name), parent, reinterpret_cast<const std::byte*>(std::addressof(module)),
                   sizeof(Module), nullptr, std::nullopt});
  if constexpr (requires {
                  { module.watch() } -> std::convertible_to<std::optional<Presence::Watch>>;
                })
    parts.back().watch = module.watch();
  if constexpr (requires {
                  { module.extent() } -> std::same_as<std::span<const std::byte>>;
                }) {
    parts.back().begin = module.extent().data();
    parts.back().size = module.extent().size();
  }
  if constexpr (std::same_as<Module, Parameter>) {
    parts.back().parameter = &module;
  } else if constexpr (std::ranges::range<Module>) {
    std::size_t index = 0;
    for (auto& child : module) collect_parts(child, std::to_string(index++), self, parts);
  } else {
    module.visit([&](std::string_view child_name, auto& child) {
      collect_parts(child, std::string{child_name}, self, parts);
    });
  }
}

template <class Model>
std::vector<ModelPart> parts_of(Model& model) {
  std::vector<ModelPart> parts;
  collect_parts(model, "", 0, parts);
  return parts;
}

/// Whether `part` is a part of `whole`, or of a part of it.
bool is_within(std::span<const ModelPart> parts, std::size_t part, std::size_t whole);

/// "fc1.weights"; of the model itself, nothing.
std::string path_of(std::span<const ModelPart> parts, std::size_t index);

/// The parameters among them, each once. Throws Error as `parameters` does.
std::vector<NamedParameter> parameters_of(std::span<const ModelPart> parts);

/// Its values. Throws NoValuesError, naming its path, where it has none.
const Tensor& values_of(const NamedParameter& parameter);

/// Throws Error, naming both, when two parameters have one path.
void require_distinct_paths(std::span<const NamedParameter> parameters);

}  // namespace detail

/// All parameters of a model, in the order in which its `visit` names them. A model is any type with a
/// `visit(each)` that calls `each(name, child)` for its children: parameters, layers, models or ranges of
/// these. A layer that is visited twice counts once. Throws Error when two parameters have one path, since
/// they would start alike and a checkpoint could not tell them apart, and for a name that is empty or has a
/// dot in it.
template <class Model>
std::vector<NamedParameter> parameters(Model& model) {
  return detail::parameters_of(detail::parts_of(model));
}

}  // namespace keel
