#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/program.hpp"
#include "keel/models/onnx/file.hpp"
#include "keel/ops/axes.hpp"

#pragma GCC visibility push(hidden)

namespace keel::onnx {

/// An extent of a value: a number, or as many times the number of samples.
struct Extent {
  std::int64_t number;
  bool of_samples = false;
  bool operator==(const Extent&) const = default;
};
using Extents = std::vector<Extent>;

/// Settings of a node that is written.
using Settings = std::map<std::string, Setting, std::less<>>;

Element element_of(DType dtype);

/// A graph of ONNX under construction.
class GraphWriter {
 public:
  explicit GraphWriter(std::size_t values) : names_(values) {}

  /// What a value of the program is called; it is given a name once.
  [[nodiscard]] const std::string& name(std::size_t value) const { return names_[value]; }
  void set_name(std::size_t value, std::string name) { names_[value] = std::move(name); }
  /// A name that nothing has yet: `wanted`, or that and a number.
  std::string distinct(const std::string& wanted);

  void add_input(std::size_t value, const std::string& name, Element element, const Extents& extents);
  void add_output(const std::string& name, Element element, const Extents& extents);
  void add_initializer(std::size_t value, const std::string& name, const Tensor& tensor);

  /// Adds a node with one output, whose name it returns.
  std::string add(const std::string& op, std::vector<std::string> inputs, Settings settings = {});
  /// The same, the output being called `output`.
  void add_as(const std::string& output, const std::string& op, std::vector<std::string> inputs,
              Settings settings = {});

  /// Constants. Numbers are written once each.
  std::string constant(const Tensor& tensor);
  std::string number(double value, DType dtype);
  std::string integers(const std::vector<std::int64_t>& numbers);
  /// A shape, computed where it depends on the number of samples.
  std::string shape(const Extents& extents);

  [[nodiscard]] FileGraph take() { return std::move(graph_); }

 private:
  std::string samples(std::int64_t times);

  FileGraph graph_;
  std::vector<std::string> names_;
  std::set<std::string> taken_;
  std::map<std::string, int> next_;  // the number that a name is tried with next
  std::map<std::vector<std::int64_t>, std::string> integers_;
  std::map<std::pair<double, DType>, std::string> numbers_;
  std::map<std::int64_t, std::string> samples_;
};

/// Values of a program by number, as they depend on the number of samples.
struct SymbolicProgram {
  Program program;
  std::vector<Extents> extents;
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> outputs;
  std::map<std::size_t, std::string> paths;  ///< of the parameters among the stored values
  std::map<std::string, std::optional<double>>
      batch_momenta;  ///< of the batch norms, by the paths of their gammas
};

/// A node of a program that is translated.
class NodeWriter {
 public:
  NodeWriter(GraphWriter& graph, const SymbolicProgram& program, const Node& node)
      : graph_(graph), program_(program), node_(node) {}

  [[nodiscard]] GraphWriter& graph() const { return graph_; }
  [[nodiscard]] std::size_t inputs() const { return node_.inputs.size(); }
  [[nodiscard]] const std::string& input(std::size_t i) const { return graph_.name(node_.inputs[i]); }
  [[nodiscard]] const Shape& shape(std::size_t i) const { return type(i).shape; }
  [[nodiscard]] const ValueType& type(std::size_t i) const {
    return program_.program.values[node_.inputs[i]].type;
  }
  [[nodiscard]] const Extents& extents(std::size_t i) const { return program_.extents[node_.inputs[i]]; }
  [[nodiscard]] const ValueType& output_type() const {
    return program_.program.values[node_.outputs[0]].type;
  }
  [[nodiscard]] const Extents& output_extents() const { return program_.extents[node_.outputs[0]]; }
  /// The momentum of the batch norm whose gamma is input 1, as keel has it; none where that is not known.
  [[nodiscard]] std::optional<double> momentum() const;

  [[nodiscard]] bool is_set(std::string_view name) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name) const;
  [[nodiscard]] double number(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const {
    return static_cast<std::int64_t>(number(name));
  }
  /// An axis of input 0, counted from the front.
  [[nodiscard]] std::int64_t axis() const;
  /// Axes of input 0, counted from the front; all where none are named.
  [[nodiscard]] std::vector<std::int64_t> axes() const;

  std::string add(const std::string& op, std::vector<std::string> inputs, Settings settings = {}) const {
    return graph_.add(op, std::move(inputs), std::move(settings));
  }
  /// A number of input 0's element type.
  [[nodiscard]] std::string number_of(double value) const { return graph_.number(value, type(0).dtype); }
  /// The node that gives the result.
  void give(const std::string& op, std::vector<std::string> inputs, Settings settings = {}) const {
    graph_.add_as(graph_.name(node_.outputs[0]), op, std::move(inputs), std::move(settings));
  }

  /// Throws Error, naming the operator and its line: "relu at model.cpp:12 can't be exported: `why`".
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  GraphWriter& graph_;
  const SymbolicProgram& program_;
  const Node& node_;
};

/// How operators of keel are written, by their names.
struct Translation {
  std::string_view op;
  void (*write)(const NodeWriter& node);
};
std::span<const Translation> elementwise_translations();
std::span<const Translation> shape_translations();
std::span<const Translation> layer_translations();

/// The graph of what a model records, for any number of samples.
FileGraph graph_of(const SymbolicProgram& program);

}  // namespace keel::onnx

#pragma GCC visibility pop
