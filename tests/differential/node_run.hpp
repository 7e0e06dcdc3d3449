#pragma once

#include <map>
#include <memory>
#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel::differential {

/// The numbers of one value, row by row, each exactly as it was in memory.
struct Array {
  ValueType type;
  std::vector<double> data;
};

/// The numbers that a tensor or a value in memory holds; images with their channels last are put into order.
Array read_array(const ValueType& type, MemoryFormat format, const std::byte* memory);
Array read_array(const Tensor& tensor);

/// One node of a plan that ran, with the numbers that it read and left. Its operator is the one that keel
/// made, whatever a test put around it.
struct NodeRun {
  const Operator* op;
  std::shared_ptr<const Operator> shared_op;
  const Node* node;
  std::vector<Array> inputs;  ///< stored ones as they were before the node changed them
  std::vector<Array> outputs;
  std::map<std::size_t, Array> mutated;  ///< inputs that it changes, by their index: what it left there
  std::map<std::size_t, std::vector<double>>
      uncertain;            ///< inputs of which a node before left not quite this
  const Program* recorded;  ///< before fusion; values have the same numbers
  const Program* compiled;
  const std::vector<Array>* values;  ///< of the compiled program, by number, after the run
};

/// What `op` computes in f64 from exactly the same numbers.
struct Reference {
  std::vector<Array> outputs;
  std::map<std::size_t, Array> mutated;
};
Reference in_f64(std::shared_ptr<const Operator> op, const std::vector<Array>& inputs);

/// The array with the absolute value of every floating-point number.
Array absolute(Array array);
std::vector<Array> absolute(std::vector<Array> arrays);

}  // namespace keel::differential
