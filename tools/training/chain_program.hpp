#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keel/graph/program.hpp"

namespace keel::tools {

/// "clamp (lower 0, upper 6)"
std::string node_text(const Node& node);
/// A setting of an operator; none where it has no such.
std::vector<double> setting_of(const Node& node, std::string_view name);

/// A program that is looked at from one value to the next.
class ChainProgram {
 public:
  /// Without what does not lead to `output`.
  ChainProgram(Program program, std::size_t output);

  [[nodiscard]] const Value& value(std::size_t id) const { return program_.values[id]; }
  [[nodiscard]] std::vector<const Node*> readers_of(std::size_t value) const;
  /// Null of a value that no node computes.
  [[nodiscard]] const Node* maker_of(std::size_t value) const;
  /// What is stored behind a value that was only brought into another shape; null for anything else.
  [[nodiscard]] const Value* stored_behind(std::size_t value) const;
  /// The one number that a stored value is of all over.
  [[nodiscard]] std::optional<double> number_at(std::size_t value) const;

  /// The value that is the exact GELU of this one, x / 2 (1 + erf(x / sqrt 2)), where the program says so by
  /// other operators, and uses x for nothing else.
  [[nodiscard]] std::optional<std::size_t> gelu_of(std::size_t src) const;

 private:
  [[nodiscard]] std::optional<double> factor_of(const Node& node, std::size_t value) const;
  [[nodiscard]] const Node* only_reader_of(std::size_t value, std::string_view op) const;

  Program program_;
};

}  // namespace keel::tools
