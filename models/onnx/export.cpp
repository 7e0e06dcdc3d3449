#include "keel/models/onnx/export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include "keel/graph/tape.hpp"
#include "keel/models/fold.hpp"
#include "keel/models/onnx.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/write_file.hpp"

namespace keel::onnx {
namespace {

// Two numbers of samples, neither likely to be another extent; what differs between their recordings, and
// how, says what depends on the number of samples.
constexpr std::int64_t some_samples = 5;
constexpr std::int64_t more_samples = 7;

struct Recorded {
  std::unique_ptr<Tape> tape;
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> outputs;
};

Recorded record(const detail::Recording& record, std::span<const ValueType> samples,
                const std::vector<std::size_t>& whole, std::int64_t count) {
  Recorded result{std::make_unique<Tape>(Mode::inference), {}, {}};
  std::vector<Var> inputs;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto& [shape, dtype] = samples[i];
    auto extents = Shape{shape}.extents();
    if (std::ranges::find(whole, i) == whole.end()) extents.insert(extents.begin(), count);
    inputs.push_back(result.tape->input(Shape{extents}, dtype));
    result.inputs.push_back(inputs.back().id());
  }
  for (const auto& output : record(inputs)) result.outputs.push_back(output.id());
  return result;
}

[[noreturn]] void refuse(std::string_view what) {
  throw Error{fmt::format("a model can't be exported for any number of samples: {}", what)};
}

std::optional<Extent> extent_of(std::int64_t of_some, std::int64_t of_more) {
  if (of_some == of_more) return Extent{of_some};
  if (of_some % some_samples != 0 || of_some / some_samples * more_samples != of_more) return std::nullopt;
  return Extent{of_some / some_samples, true};
}

Extents extents_of(const ValueType& a, const ValueType& b, const std::string& what) {
  Extents extents;
  bool alike = a.dtype == b.dtype && a.shape.rank() == b.shape.rank();
  for (std::size_t axis = 0; alike && axis < a.shape.rank(); ++axis) {
    const auto extent = extent_of(a.shape[axis], b.shape[axis]);
    alike = extent.has_value();
    if (alike) extents.push_back(*extent);
  }
  if (!alike)
    refuse(fmt::format("{} is {} for {} of them and {} for {}", what, to_string(a), some_samples,
                       to_string(b), more_samples));
  return extents;
}

bool is_uniform(const Tensor& tensor) {
  const auto bytes = tensor.type().bytes();
  const auto one = size_of(tensor.dtype());
  return bytes >= one && std::memcmp(tensor.bytes(), tensor.bytes() + one, bytes - one) == 0;
}

void require_alike(const Node& a, const Node& b) {
  const auto where = fmt::format("{} at {}", a.op->name(), describe(a.where));
  if (a.op->name() != b.op->name() || a.inputs != b.inputs || a.outputs != b.outputs)
    refuse(fmt::format("{} is recorded for {} of them, {} at {} for {}", where, some_samples, b.op->name(),
                       describe(b.where), more_samples));
  if (a.op->attributes() != b.op->attributes())
    refuse(
        fmt::format("{} has other settings for {} of them than for {}", where, some_samples, more_samples));
}

// A constant that both recordings have, or that is one number all over, in a shape of its own.
void require_alike(const Value& a, const Value& b) {
  const bool same =
      a.type == b.type && (a.storage.bytes() == b.storage.bytes() ||
                           std::memcmp(a.storage.bytes(), b.storage.bytes(), a.type.bytes()) == 0);
  const bool filled = a.type != b.type && is_uniform(a.storage) && is_uniform(b.storage) &&
                      std::memcmp(a.storage.bytes(), b.storage.bytes(), size_of(a.type.dtype)) == 0;
  if (!same && !filled)
    refuse(fmt::format("the constant '{}' of {} depends on it", a.name, to_string(a.type)));
}

SymbolicProgram symbolic(const Recorded& recorded, const Recorded& other) {
  const auto& a = recorded.tape->program();
  const auto& b = other.tape->program();
  if (recorded.outputs != other.outputs || a.values.size() != b.values.size() ||
      a.nodes.size() != b.nodes.size())
    refuse("what it records depends on it");
  for (std::size_t i = 0; i < a.nodes.size(); ++i) require_alike(a.nodes[i], b.nodes[i]);
  SymbolicProgram program{a, std::vector<Extents>(a.values.size()), recorded.inputs, recorded.outputs, {},
                          {}};
  const auto extents = [&](std::size_t id, const std::string& what) {
    program.extents[id] = extents_of(a.values[id].type, b.values[id].type, what);
  };
  for (std::size_t id = 0; id < a.values.size(); ++id) {
    if (a.values[id].kind == ValueKind::stored) require_alike(a.values[id], b.values[id]);
    if (a.values[id].kind != ValueKind::intermediate) extents(id, "one of its values");
  }
  for (const auto& node : a.nodes) {
    for (const auto id : node.outputs)
      extents(id, fmt::format("what {} at {} gives", node.op->name(), describe(node.where)));
  }
  return program;
}

// Paths of parameters by the memory of their values.
void name_parameters(SymbolicProgram& program, std::span<const NamedParameter> parameters) {
  std::map<const std::byte*, std::string> paths;
  for (const auto& [path, parameter] : parameters)
    if (parameter->value().defined()) paths.emplace(parameter->value().bytes(), path);
  for (std::size_t id = 0; id < program.program.values.size(); ++id) {
    auto& value = program.program.values[id];
    if (value.kind != ValueKind::stored || parameter_of(value.storage) == nullptr) continue;
    const auto path = paths.find(value.storage.bytes());
    if (path != paths.end()) value.name = path->second;
    program.paths.emplace(id, value.name.empty() ? "weights" : value.name);
  }
}

// The momentum of a layer by the path of its gamma, beside which its setting stands.
void name_momenta(SymbolicProgram& program, std::span<const NamedSetting> settings) {
  for (const auto& [path, text] : settings) {
    const auto dot = path.rfind('.');
    const auto prefix = dot == std::string::npos ? "" : path.substr(0, dot + 1);
    if (path.substr(prefix.size()) != "momentum") continue;
    double momentum = 0.0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), momentum);
    if (error != std::errc{}) continue;  // a cumulative average
    for (const auto& [id, name] : program.paths)
      if (name.starts_with(prefix) && name.find('.', prefix.size()) == std::string::npos)
        program.batch_momenta.emplace(name, momentum);
  }
}

// The values of the layers that a batch norm was folded into come after those of the program.
void fold(SymbolicProgram& program) {
  const std::string folded = "folded ";
  detail::fold_program(program.program, program.outputs);
  for (auto id = program.extents.size(); id < program.program.values.size(); ++id) {
    const auto& [type, kind, name, storage, format] = program.program.values[id];
    program.extents.push_back(extents_of(type, type, name));
    if (kind == ValueKind::stored)
      program.paths.emplace(id, name.starts_with(folded) ? name.substr(folded.size()) : name);
  }
}

void add_stored(GraphWriter& graph, const SymbolicProgram& program, std::size_t id) {
  const auto& value = program.program.values[id];
  const auto path = program.paths.find(id);
  if (path != program.paths.end()) return graph.add_initializer(id, path->second, value.storage);
  const bool depends = std::ranges::any_of(program.extents[id], &Extent::of_samples);
  if (!depends) return graph.set_name(id, graph.constant(value.storage));
  const Tensor first{value.storage.buffer(),
                     static_cast<std::size_t>(value.storage.bytes() - value.storage.buffer()->data()),
                     ValueType{Shape{}, value.type.dtype}};
  graph.set_name(id, graph.add("Expand", {graph.constant(first), graph.shape(program.extents[id])}));
}

const Translation* find_translation(std::string_view op) {
  for (const auto family : {elementwise_translations(), shape_translations(), layer_translations()}) {
    const auto found = std::ranges::find(family, op, &Translation::op);
    if (found != family.end()) return &*found;
  }
  return nullptr;
}

std::string numbered(const char* name, std::size_t i, std::size_t count) {
  return count == 1 ? name : fmt::format("{}{}", name, i);
}

// Results are called so where a node computes them, each for once.
std::vector<std::string> name_outputs(GraphWriter& graph, const SymbolicProgram& program) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < program.outputs.size(); ++i) {
    names.push_back(graph.distinct(numbered("output", i, program.outputs.size())));
    const auto id = program.outputs[i];
    if (program.program.values[id].kind == ValueKind::intermediate && graph.name(id).empty())
      graph.set_name(id, names.back());
  }
  return names;
}

std::set<std::size_t> values_read(const SymbolicProgram& program) {
  std::set<std::size_t> read{program.outputs.begin(), program.outputs.end()};
  for (const auto& node : program.program.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  return read;
}

// Before the values are copied: what depends on the number of samples is written as one number.
void require_small_enough(const SymbolicProgram& program) {
  std::uint64_t bytes = 0;
  for (const auto id : values_read(program)) {
    const auto& value = program.program.values[id];
    if (value.kind == ValueKind::stored && std::ranges::none_of(program.extents[id], &Extent::of_samples))
      bytes += value.type.bytes();
  }
  require_writable(bytes);
}

}  // namespace

FileGraph graph_of(const SymbolicProgram& program) {
  require_small_enough(program);
  const auto& [values, nodes] = program.program;
  GraphWriter graph{values.size()};
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    const auto id = program.inputs[i];
    graph.add_input(id, numbered("input", i, program.inputs.size()), element_of(values[id].type.dtype),
                    program.extents[id]);
  }
  const auto outputs = name_outputs(graph, program);
  for (const auto id : values_read(program))
    if (values[id].kind == ValueKind::stored) add_stored(graph, program, id);
  for (const auto& node : nodes) {
    const NodeWriter writer{graph, program, node};
    const auto* translation = find_translation(node.op->name());
    if (translation == nullptr) writer.refuse("ONNX has no counterpart of it that keel knows of");
    const auto result = node.outputs.front();
    if (graph.name(result).empty()) graph.set_name(result, graph.distinct(std::string{node.op->name()}));
    translation->write(writer);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto id = program.outputs[i];
    if (graph.name(id) != outputs[i]) graph.add_as(outputs[i], "Identity", {graph.name(id)});
    graph.add_output(outputs[i], element_of(values[id].type.dtype), program.extents[id]);
  }
  auto result = graph.take();
  result.name = "keel";
  return result;
}

}  // namespace keel::onnx

namespace keel::detail {

DType input_type(std::span<const NamedParameter> parameters) {
  for (const auto& [path, parameter] : parameters)
    if (parameter->value().defined() && parameter->kind() == Parameter::Kind::trained)
      return parameter->value().dtype() == DType::f64 ? DType::f64 : DType::f32;
  return DType::f32;
}

void export_onnx(const Recording& record, std::span<const ValueType> samples,
                 std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                 const std::filesystem::path& path, const ExportOptions& options) {
  onnx::require_protobuf();
  if (samples.empty())
    throw Error{"a model without inputs can't be exported: give the type of a sample of each"};
  const auto recorded = onnx::record(record, samples, options.whole_inputs, onnx::some_samples);
  auto program =
      onnx::symbolic(recorded, onnx::record(record, samples, options.whole_inputs, onnx::more_samples));
  onnx::name_parameters(program, parameters);
  onnx::name_momenta(program, settings);
  drop_dead_nodes(program.program, program.outputs);
  if (options.fold) onnx::fold(program);
  auto graph = onnx::graph_of(program);
  graph.description = options.description;
  graph.texts = options.texts;
  const auto bytes = onnx::serialized(graph);
  const auto part = std::as_bytes(std::span{bytes});
  write_file(path, {&part, 1});
}

}  // namespace keel::detail
