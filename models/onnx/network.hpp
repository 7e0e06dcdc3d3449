#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/models/onnx.hpp"
#include "keel/models/onnx/file.hpp"
#include "keel/models/parameter.hpp"

#pragma GCC visibility push(hidden)

namespace keel::onnx {

class Call;
struct Constant;

/// An operator of ONNX: how many inputs and outputs it has, and the function that records a node of it.
struct OperatorEntry {
  std::string_view op;
  std::size_t least_inputs;
  std::size_t most_inputs;
  std::size_t most_outputs;
  void (*record)(Call& call);
};
inline constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

/// Null for one that keel does not have.
const OperatorEntry* find_operator(std::string_view op);

// The operators, by family.
std::span<const OperatorEntry> elementwise_operators();
std::span<const OperatorEntry> activation_operators();
std::span<const OperatorEntry> logic_operators();
std::span<const OperatorEntry> constant_operators();
std::span<const OperatorEntry> shape_operators();
std::span<const OperatorEntry> indexing_operators();
std::span<const OperatorEntry> reduction_operators();
std::span<const OperatorEntry> product_operators();
std::span<const OperatorEntry> convolution_operators();
std::span<const OperatorEntry> pooling_operators();
std::span<const OperatorEntry> normalization_operators();
std::span<const OperatorEntry> loss_operators();
std::span<const OperatorEntry> resize_operators();
std::span<const OperatorEntry> recurrent_operators();

inline constexpr std::size_t absent = std::numeric_limits<std::size_t>::max();

/// A node whose names were looked up: values by number.
struct NetworkNode {
  FileNode file;
  std::string title;  ///< "node 'conv1' (Conv)"
  const OperatorEntry* entry = nullptr;
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> outputs;
  Parameter* updates = nullptr;  ///< of a batch norm: how many its running statistics have had
};

/// Where a value comes from that no node computes.
struct Source {
  std::size_t value;
  std::string name;
  Parameter* parameter = nullptr;            // or
  std::shared_ptr<const Constant> constant;  // or else the next input
  Element element = Element::undefined;
};

/// A checked graph: each node reads what stands before it.
struct Network final : detail::OnnxNetwork {
  [[nodiscard]] std::vector<Var> record(Tape& tape, std::span<const Var> given,
                                        const SourceLocation& where) const override;
  [[nodiscard]] std::vector<std::string> operators() const override;

  std::int64_t opset = 17;
  std::size_t values = 0;
  std::vector<Source> sources;
  std::vector<NetworkNode> nodes;
  std::vector<std::size_t> results;
};

/// Looks names up, and makes parameters of what trains. Throws as `load_onnx` does.
void build_network(FileGraph graph, const ImportOptions& options, Network& network);

}  // namespace keel::onnx

#pragma GCC visibility pop
