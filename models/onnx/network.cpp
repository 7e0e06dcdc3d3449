#include "keel/models/onnx/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "keel/models/onnx/call.hpp"
#include "keel/runtime/counted.hpp"

namespace keel::onnx {
namespace {

OnnxValue declared_value(const Declared& declared) {
  return {declared.name, name_of(declared.element), declared.extents, declared.has_shape};
}

// The inputs of a node that are settings in other libraries: never trained.
bool is_setting(const std::string& op, std::size_t input) {
  return (op == "Clip" || op == "Pad" || op == "Resize" || op == "Upsample" || op == "OneHot" ||
          op == "Dropout") &&
         input > 0;
}

bool is_statistic(const std::string& op, std::size_t input) {
  return op == "BatchNormalization" && input >= 3;
}

// From what a parameter starts when the network is initialized anew.
Initializer initializer_of(const std::vector<std::int64_t>& extents, bool is_statistic) {
  if (is_statistic || extents.size() < 2) return Initializer::constant(0.0);
  std::int64_t inputs = 1;
  for (std::size_t i = 1; i < extents.size(); ++i) inputs *= extents[i];
  return Initializer::fan_in(std::max<std::int64_t>(inputs, 1));
}

class Builder {
 public:
  Builder(FileGraph& graph, const ImportOptions& options, Network& network)
      : graph_(graph), options_(options), network_(network) {}

  void build() {
    network_.opset = graph_.opset;
    network_.texts = std::move(graph_.texts);
    find_roles();
    std::set<std::string> initialized;
    for (auto& array : graph_.initializers) {
      if (!initialized.insert(array.name).second)
        fail(fmt::format("two initializers are called '{}'", array.name));
      add_initializer(array);
    }
    for (const auto& input : graph_.inputs)
      if (!initialized.contains(input.name)) add_input(input);
    for (const auto& [name, tensor] : options_.fixed_inputs)
      if (!fixed_.contains(name)) fail(fmt::format("it has no input '{}' that could be fixed", name));
    for (auto& node : graph_.nodes) add_node(node);
    for (const auto& output : graph_.outputs) {
      network_.results.push_back(value_of(output.name, "the output", output.name));
      network_.outputs.push_back(declared_value(output));
    }
    if (network_.results.empty()) fail("it has no output");
  }

 private:
  [[noreturn]] void fail(std::string_view why) const { fail_to_read(network_.path, why); }

  // Each name has a role by the nodes that read it.
  void find_roles() {
    for (const auto& node : graph_.nodes) {
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (is_statistic(node.op, i)) statistics_.insert(node.inputs[i]);
        if (is_setting(node.op, i)) settings_.insert(node.inputs[i]);
      }
    }
  }

  std::size_t define(const std::string& name) {
    if (name.empty()) fail("one of its values has no name");
    const auto value = network_.values++;
    if (!by_name_.emplace(name, value).second) fail(fmt::format("two of its values are called '{}'", name));
    return value;
  }

  std::size_t value_of(const std::string& name, std::string_view reader, std::string_view title) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      fail(fmt::format(
          "{} '{}' reads '{}', which nothing before it computes: names must be known, and nodes stand in "
          "the order in which they run",
          reader, title, name));
    }
    return found->second;
  }

  void add_initializer(Array& array) {
    Source source{.value = define(array.name), .name = array.name, .element = array.element};
    auto constant = constant_of(array, network_.path);
    if (array.element == Element::f64) doubles_.insert(array.name);
    array.bytes = {};
    if (is_real(array.element) && !settings_.contains(array.name)) {
      const bool is_statistic = statistics_.contains(array.name);
      source.parameter = &network_.parts.add(
          array.name, Parameter{constant.reals.shape(), initializer_of(array.extents, is_statistic),
                                is_statistic ? Parameter::Kind::statistic : Parameter::Kind::trained});
      source.parameter->set_value(constant.reals);
    } else {
      source.constant = std::make_shared<const Constant>(std::move(constant));
    }
    network_.sources.push_back(std::move(source));
  }

  void add_input(const Declared& input) {
    Source source{.value = define(input.name), .name = input.name, .element = input.element};
    const auto fixed = options_.fixed_inputs.find(input.name);
    if (fixed == options_.fixed_inputs.end()) {
      if (!is_real(input.element) && input.element != Element::s32 && input.element != Element::s64 &&
          input.element != Element::boolean) {
        throw OnnxUnsupported{
            fmt::format("{} can't be loaded: its input '{}' is of type {}, which keel does not have",
                        network_.path.string(), input.name, name_of(input.element))};
      }
      network_.inputs.push_back(declared_value(input));
    } else {
      fixed_.insert(input.name);
      source.constant = std::make_shared<const Constant>(constant_of_tensor(input, fixed->second));
    }
    network_.sources.push_back(std::move(source));
  }

  Constant constant_of_tensor(const Declared& input, const Tensor& tensor) const {
    require_values(tensor, fmt::format("the fixed input '{}'", input.name));
    Constant constant{
        .element = input.element, .extents = Shape{tensor.shape()}.extents(), .numbers = {}, .reals = {}};
    if (!is_real(input.element) && (size_of(input.element) == 0 || input.element == Element::f16)) {
      throw OnnxUnsupported{
          fmt::format("{} can't be loaded: its input '{}' is of type {}, which keel does not have",
                      network_.path.string(), input.name, name_of(input.element))};
    }
    const bool is_float = tensor.dtype() == DType::f32 || tensor.dtype() == DType::f64;
    if (is_float != is_real(input.element) || tensor.dtype() == DType::u8)
      fail(fmt::format("its input '{}' is of type {}, and can't be fixed to {}", input.name,
                       name_of(input.element), to_string(tensor.type())));
    if (is_float) {
      constant.reals = tensor.clone();
    } else {
      const auto numbers = tensor.data<std::int32_t>();
      constant.numbers.assign(numbers.begin(), numbers.end());
    }
    return constant;
  }

  void add_node(FileNode& file) {
    NetworkNode node{.title = fmt::format("node '{}' ({})",
                                          file.name.empty() ? first_name(file.outputs) : file.name, file.op)};
    node.entry = find_operator(file.op);
    if (node.entry == nullptr) {
      throw OnnxUnsupported{
          fmt::format("{}, {}: keel has no operator {}", network_.path.string(), node.title, file.op)};
    }
    const auto& [op, least, most, most_outputs, record] = *node.entry;
    if (file.inputs.size() < least || file.inputs.size() > most)
      fail(fmt::format("{} has {}", node.title,
                       counted(static_cast<std::int64_t>(file.inputs.size()), "input")));
    if (file.outputs.empty() || file.outputs.size() > most_outputs)
      fail(fmt::format("{} has {}", node.title,
                       counted(static_cast<std::int64_t>(file.outputs.size()), "output")));
    for (std::size_t i = 0; i < file.inputs.size(); ++i) {
      const auto& name = file.inputs[i];
      if (name.empty() && i < least) fail(fmt::format("{} lacks its input {}", node.title, i));
      node.inputs.push_back(name.empty() ? absent : value_of(name, "the node", node.title));
    }
    for (const auto& name : file.outputs) node.outputs.push_back(name.empty() ? absent : define(name));
    if (file.op == "BatchNormalization") {
      node.updates = &add_updates(file.inputs[3]);
      add_settings(file);
    }
    node.file = std::move(file);
    network_.nodes.push_back(std::move(node));
  }

  static std::string first_name(const std::vector<std::string>& names) {
    return names.empty() ? "" : names.front();
  }

  // Beside "bn1.running_mean" that is "bn1.updates", as in keel's own layer.
  Parameter& add_updates(const std::string& mean) {
    const auto dot = mean.rfind('.');
    const auto name = dot == std::string::npos ? mean + ".updates" : mean.substr(0, dot) + ".updates";
    auto& updates =
        network_.parts.add(name, Parameter{Shape{}, Initializer::constant(0.0), Parameter::Kind::statistic});
    updates.set_value(Tensor{Shape{}, dtype_of_statistic(mean)});
    return updates;
  }

  // As keel's own layer has them, whose momentum is the weight of what is new.
  void add_settings(const FileNode& file) {
    for (const auto& [name, otherwise] : {std::pair{"epsilon", 1e-5}, std::pair{"momentum", 0.9}}) {
      const auto found = file.settings.find(name);
      const auto* given = found == file.settings.end() ? nullptr : std::get_if<float>(&found->second);
      const double value = given == nullptr ? otherwise : shortest(*given);
      network_.parts.add_setting(file.inputs[3], name,
                                 name == std::string_view{"momentum"} ? complement(value) : value);
    }
  }

  DType dtype_of_statistic(const std::string& mean) const {
    return doubles_.contains(mean) ? DType::f64 : DType::f32;
  }

  FileGraph& graph_;
  const ImportOptions& options_;
  Network& network_;
  std::map<std::string, std::size_t> by_name_;
  std::set<std::string> statistics_;
  std::set<std::string> settings_;
  std::set<std::string> fixed_;
  std::set<std::string> doubles_;
};

}  // namespace

void build_network(FileGraph graph, const ImportOptions& options, Network& network) {
  Builder{graph, options, network}.build();
}

}  // namespace keel::onnx
