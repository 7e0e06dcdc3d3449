#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/models/parameter.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// A setting of a layer that its results depend on, such as batch norm's epsilon, with its path in the model
/// and its value as text.
struct NamedSetting {
  std::string path;
  std::string value;
};

/// The shortest text that stands for this very number; "none" for none.
std::string setting_text(std::optional<double> value);

namespace detail {

/// A setting for each of the two.
void visit_size(auto&& each, const std::string& name, const Size2d& size) {
  each(name + "_height", static_cast<double>(size.height));
  each(name + "_width", static_cast<double>(size.width));
}

/// Throws Error, with both values, when two settings have one path, or one that the file itself uses.
void require_distinct_paths(std::span<const NamedSetting> settings);

template <class Module>
void collect_settings(Module& module, const std::string& path, std::vector<NamedSetting>& result) {
  const auto child_path = [&](std::string_view name) {
    return path.empty() ? std::string{name} : path + "." + std::string{name};
  };
  if constexpr (std::same_as<Module, Parameter>) {
    return;
  } else if constexpr (std::ranges::range<Module>) {
    std::size_t index = 0;
    for (auto& child : module) collect_settings(child, child_path(std::to_string(index++)), result);
  } else {
    const auto add = [&](std::string_view name, std::optional<double> value) {
      result.push_back({child_path(name), setting_text(value)});
    };
    if constexpr (requires { module.visit_settings(add); }) module.visit_settings(add);
    module.visit(
        [&](std::string_view name, auto& child) { collect_settings(child, child_path(name), result); });
  }
}

}  // namespace detail

/// All settings of a model: of every layer in it that has a `visit_settings(each)`, which calls
/// `each(name, value)` with numbers.
template <class Model>
std::vector<NamedSetting> settings(Model& model) {
  std::vector<NamedSetting> result;
  detail::collect_settings(model, "", result);
  return result;
}

}  // namespace keel
