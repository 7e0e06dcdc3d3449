#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/graph/program.hpp"

namespace keel {

/// A program under rewriting, with what a rule wants to know about it: who makes a value, and who reads it.
class Rewriter {
 public:
  Rewriter(Program& program, std::span<const std::size_t> outputs);

  [[nodiscard]] std::size_t node_count() const { return program_.nodes.size(); }
  [[nodiscard]] Node& node(std::size_t index) { return program_.nodes[index]; }
  [[nodiscard]] const Value& value(std::size_t id) const { return program_.values[id]; }
  /// The node's operator if it is an Op, else null.
  template <class Op>
  [[nodiscard]] const Op* as(std::size_t index) const {
    return dynamic_cast<const Op*>(program_.nodes[index].op.get());
  }

  /// The node that computes a value; none for inputs and stored values.
  [[nodiscard]] std::optional<std::size_t> producer(std::size_t id) const { return producers_[id]; }
  /// The nodes that read a value, in order.
  [[nodiscard]] std::span<const std::size_t> readers(std::size_t id) const { return readers_[id]; }
  /// The one node that reads a value; none when there are several or when the value is an output of the plan.
  [[nodiscard]] std::optional<std::size_t> only_reader(std::size_t id) const;

  /// A new intermediate value.
  std::size_t add_value(ValueType type);
  /// A new stored value, which the program keeps alive.
  std::size_t add_stored(const Tensor& tensor, std::string name);
  /// Marks a node for removal: its work is done elsewhere now.
  void remove(std::size_t index) { removed_[index] = 1; }
  /// Carries out the removals and brings producers and readers up to date. Returns the first place that
  /// changed.
  std::size_t settle();

 private:
  void index();

  Program& program_;
  std::span<const std::size_t> outputs_;
  std::vector<std::optional<std::size_t>> producers_;
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<char> is_output_;
  std::vector<char> removed_;
};

/// A rewrite that makes one kernel of several nodes without changing what the program computes.
struct FusionRule {
  std::string_view name;
  /// Rewrites the pattern whose last forward node is `index`, if it stands there, and says whether it did.
  bool (*apply)(Rewriter& rewriter, std::size_t index);
};

/// Applies each rule in turn wherever it fits.
void fuse(Program& program, std::span<const std::size_t> outputs, std::span<const FusionRule> rules);

}  // namespace keel
