#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// Whether batch norm and its like use the batch's statistics or stored ones. A property of the tape.
enum class Mode : std::uint8_t { training, inference };

/// Where a value comes from.
enum class ValueKind : std::uint8_t {
  intermediate,  ///< a node computes it
  input,         ///< given anew for each run
  stored,        ///< lives outside: a parameter, a running statistic, a constant
};

/// One value of a program.
struct Value {
  ValueType type;
  ValueKind kind = ValueKind::intermediate;
  std::string name;                               ///< of inputs and stored values; may be empty
  Tensor storage;                                 ///< of stored values
  MemoryFormat format = MemoryFormat::row_major;  ///< chosen when a plan is compiled
};

/// One operator applied to values, which are named by their index.
struct Node {
  std::shared_ptr<const Operator> op;
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> outputs;
  SourceLocation where;  ///< the line that recorded it
};

/// A straight-line program: what a tape records and a plan compiles. Nodes stand in the order in which they
/// run.
struct Program {
  std::deque<Value> values;  // not vectors: references to elements outlive an appended one
  std::deque<Node> nodes;

  [[nodiscard]] std::vector<ValueType> types(const std::vector<std::size_t>& ids) const;
  [[nodiscard]] std::vector<MemoryFormat> formats(const std::vector<std::size_t>& ids) const;
  /// The values that `node` overwrites.
  [[nodiscard]] std::vector<std::size_t> mutated_by(const Node& node) const;
};

/// Moves the nodes that begin early to right behind what they need.
void move_early(Program& program);

/// Removes the nodes that neither lead to one of `outputs` nor change stored values.
void drop_dead_nodes(Program& program, const std::vector<std::size_t>& outputs);

}  // namespace keel
