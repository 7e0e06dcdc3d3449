#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Which parameters of a model: those whose path begins with a name, such as "encoder" or "encoder.fc1", or those
/// for whose path a function is true.
class ParameterPaths {
 public:
  // Implicit on purpose: a group is written with either.
  // NOLINTBEGIN(google-explicit-constructor)
  ParameterPaths(const char* prefix) : ParameterPaths(std::string{prefix}) {}
  ParameterPaths(std::string prefix) : text_(std::move(prefix)) {}
  template <std::predicate<std::string_view> Predicate>
  ParameterPaths(Predicate predicate) : text_("a function"), predicate_(std::move(predicate)) {}
  // NOLINTEND(google-explicit-constructor)

  /// Whether `path` is among them. A prefix ends where a name of the path does: "fc1" is not of "fc10.bias".
  [[nodiscard]] bool contain(std::string_view path) const;
  /// What they were given by, for errors.
  [[nodiscard]] std::string describe() const;

 private:
  std::string text_;
  std::function<bool(std::string_view)> predicate_;  // none: a prefix
};

/// Parameters that an optimizer treats otherwise: {.paths = "encoder", .rate_factor = 0.1}.
struct ParameterGroup {
  ParameterPaths paths;
  double rate_factor = 1.0;                 ///< times the optimizer's learning rate, whatever that becomes
  std::optional<double> weight_decay = {};  ///< in place of the optimizer's
};

/// The groups of an optimizer. A parameter is in the first one that has its path, or in none.
class ParameterGroups {
 public:
  /// Throws Error for a factor or a decay that is negative or not finite.
  explicit ParameterGroups(std::vector<ParameterGroup> groups);

  /// Parameters that are updated alike.
  struct Part {
    std::vector<Var> parameters;
    std::vector<Var> grads;
    Var learning_rate;
    double weight_decay;
  };
  /// All parameters in as few parts as there are groups, those in none first. They are known by their names on
  /// the tape, which a step gives them by their paths.
  [[nodiscard]] std::vector<Part> divide(std::span<const Var> parameters, std::span<const Var> grads,
                                         const Var& learning_rate, double weight_decay,
                                         const SourceLocation& where) const;

  /// Throws Error when there is no trained parameter, not even a frozen one, that is in a group by its path.
  void require_members(std::span<const NamedParameter> parameters) const;

 private:
  [[nodiscard]] std::size_t group_of(std::string_view path) const;

  std::vector<ParameterGroup> groups_;
};

}  // namespace keel
