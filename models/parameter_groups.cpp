#include "keel/models/parameter_groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

bool ParameterPaths::contain(std::string_view path) const {
  if (predicate_) return predicate_(path);
  if (!path.starts_with(text_)) return false;
  return path.size() == text_.size() || text_.empty() || path[text_.size()] == '.';
}

std::string ParameterPaths::describe() const {
  return predicate_ ? text_ : fmt::format("'{}'", text_);
}

ParameterGroups::ParameterGroups(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {
  for (const auto& group : groups_) {
    if (!(group.rate_factor >= 0.0) || !std::isfinite(group.rate_factor)) {
      throw Error{fmt::format("the rate_factor of the group of {} must be 0 or a positive number, not {}",
                              group.paths.describe(), group.rate_factor)};
    }
    if (group.weight_decay) require_weight_decay(*group.weight_decay);
  }
}

// Behind the last one: none.
std::size_t ParameterGroups::group_of(std::string_view path) const {
  const auto found =
      std::ranges::find_if(groups_, [&](const ParameterGroup& group) { return group.paths.contain(path); });
  return static_cast<std::size_t>(found - groups_.begin());
}

std::vector<ParameterGroups::Part> ParameterGroups::divide(std::span<const Var> parameters,
                                                           std::span<const Var> grads,
                                                           const Var& learning_rate, double weight_decay,
                                                           const SourceLocation& where) const {
  std::vector<Part> parts(groups_.size() + 1);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& name = parameters[i].tape().program().values[parameters[i].id()].name;
    auto& part = parts[group_of(name)];
    part.parameters.push_back(parameters[i]);
    part.grads.push_back(grads[i]);
  }
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (parts[i].parameters.empty()) continue;
    const auto& group = groups_[i];
    // Computed at every run, since whoever sets the rate knows of one only.
    parts[i].learning_rate =
        group.rate_factor == 1.0 ? learning_rate : LocatedVar{learning_rate, where} * group.rate_factor;
    parts[i].weight_decay = group.weight_decay.value_or(weight_decay);
  }
  parts.back().learning_rate = learning_rate;
  parts.back().weight_decay = weight_decay;
  std::rotate(parts.begin(), parts.end() - 1, parts.end());
  std::erase_if(parts, [](const Part& part) { return part.parameters.empty(); });
  return parts;
}

void ParameterGroups::require_members(std::span<const NamedParameter> parameters) const {
  std::vector<char> has_members(groups_.size() + 1, 0);
  for (const auto& named : parameters)
    if (named.parameter->kind() == Parameter::Kind::trained) has_members[group_of(named.path)] = 1;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (has_members[i] != 0) continue;
    throw Error{
        fmt::format("no trained parameter of the model is in the optimizer's group of {}: a group is "
                    "given by how paths such as '{}' begin, or by a function of them, and the first one "
                    "that fits counts",
                    groups_[i].paths.describe(), parameters.empty() ? "fc1.weights" : parameters[0].path)};
  }
}

}  // namespace keel
