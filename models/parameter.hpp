#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

#include "keel/models/initializer.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// One array of a model: trained by an optimizer, or kept by the forward pass itself. Its values come into
/// being with `initialize`. Not copyable, since two models must not share values by accident; to share
/// weights within a model, apply the same layer twice.
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
  Parameter(Parameter&&) = default;
  Parameter& operator=(Parameter&&) = default;
  ~Parameter() = default;

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Initializer& initializer() const { return initializer_; }
  [[nodiscard]] Kind kind() const { return kind_; }
  /// Its element type in a model of `model`.
  [[nodiscard]] DType dtype(DType model) const { return dtype_.value_or(model); }
  /// The values; undefined before `initialize`.
  [[nodiscard]] const Tensor& value() const { return value_; }
  void set_value(Tensor value) { value_ = std::move(value); }
  /// Whether training leaves it as it is: see models/freeze.hpp.
  [[nodiscard]] bool frozen() const { return frozen_; }
  void set_frozen(bool frozen) { frozen_ = frozen; }

 private:
  Shape shape_;
  Initializer initializer_;
  Kind kind_;
  std::optional<DType> dtype_;
  bool frozen_ = false;
  Tensor value_;
};

/// A parameter with its path in the model, such as "fc1.weights".
struct NamedParameter {
  std::string path;
  Parameter* parameter;
};

namespace detail {

template <class Module>
void collect_parameters(Module& module, const std::string& path, std::vector<NamedParameter>& result) {
  if constexpr (std::same_as<Module, Parameter>) {
    // A layer that is applied twice is visited once or more, but its parameters count once.
    const bool known =
        std::ranges::any_of(result, [&](const auto& named) { return named.parameter == &module; });
    if (!known) result.push_back({path, &module});
  } else if constexpr (std::ranges::range<Module>) {
    std::size_t index = 0;
    for (auto& child : module) collect_parameters(child, path + "." + std::to_string(index++), result);
  } else {
    module.visit([&](std::string_view name, auto& child) {
      collect_parameters(child, path.empty() ? std::string{name} : path + "." + std::string{name}, result);
    });
  }
}

}  // namespace detail

/// All parameters of a model, in the order in which its `visit` names them. A model is any type with a
/// `visit(each)` that calls `each(name, child)` for its children: parameters, layers, models or ranges of
/// these.
template <class Model>
std::vector<NamedParameter> parameters(Model& model) {
  std::vector<NamedParameter> result;
  detail::collect_parameters(model, "", result);
  return result;
}

}  // namespace keel
