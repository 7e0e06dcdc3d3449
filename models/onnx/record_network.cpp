#include <fmt/format.h>

#include <algorithm>

#include "keel/models/onnx/call.hpp"
#include "keel/runtime/counted.hpp"

namespace keel::onnx {
namespace {

// What "float" is on this tape: networks of f32 run in f64 as well, to be differentiated numerically for one.
DType single_of(const Network& network, std::span<const Var> inputs) {
  for (const auto& source : network.sources) {
    if (source.element == Element::f32 && source.parameter != nullptr && source.parameter->value().defined())
      return source.parameter->value().dtype();
  }
  std::size_t next = 0;
  for (const auto& source : network.sources) {
    if (source.parameter != nullptr || source.constant != nullptr) continue;
    const auto dtype = inputs[next++].dtype();
    if (source.element == Element::f32) return dtype;
  }
  return DType::f32;
}

void require_input(const Network& network, const Source& source, const OnnxValue& declared, const Var& input,
                   DType single) {
  const auto [shape, dtype] = input.type();
  const auto wanted = source.element == Element::f64   ? DType::f64
                      : source.element == Element::f32 ? single
                                                       : DType::s32;
  bool fits = dtype == wanted || (source.element == Element::boolean && dtype == single);
  if (declared.has_shape) {
    fits = fits && shape.rank() == declared.extents.size();
    for (std::size_t i = 0; fits && i < shape.rank(); ++i)
      fits = declared.extents[i] < 0 || declared.extents[i] == shape[i];
  }
  if (fits) return;
  std::string extents;
  for (const auto extent : declared.extents)
    extents += (extents.empty() ? "" : ", ") + (extent < 0 ? std::string{"any"} : std::to_string(extent));
  throw ShapeError{fmt::format("{}: its input '{}' is {}{}, not {}", network.path.string(), source.name,
                               name_of(wanted), declared.has_shape ? " (" + extents + ")" : "",
                               to_string(input.type()))};
}

void give_sources(const Network& network, std::span<const Var> inputs, Replay& replay) {
  std::size_t next = 0;
  for (const auto& source : network.sources) {
    Item item{source.element, {}, source.constant};
    if (source.parameter != nullptr) {
      item.var = source.parameter->on(replay.tape, source.name, replay.where);
    } else if (source.constant == nullptr) {
      require_input(network, source, network.inputs[next], inputs[next], replay.single);
      item.var = inputs[next++];
    }
    replay.items[source.value] = item;
  }
}

void record_node(const Network& network, const NetworkNode& node, Replay& replay) {
  Call call{network, node, replay};
  try {
    node.entry->record(call);
  } catch (const OnnxUnsupported&) {
    throw;
  } catch (const NoValuesError&) {
    throw;
  } catch (const ShapeError& error) {
    throw ShapeError{fmt::format("{}, {}: {}", network.path.string(), node.title, error.what())};
  } catch (const Error& error) {
    if (std::string_view{error.what()}.starts_with(network.path.string())) throw;
    throw Error{fmt::format("{}, {}: {}", network.path.string(), node.title, error.what())};
  }
  constexpr std::size_t most_nodes = std::size_t{1} << 20U;
  constexpr std::int64_t most_elements = std::int64_t{1} << 34U;
  if (replay.tape.program().nodes.size() > most_nodes)
    call.refuse("the network is made of more than a million of keel's operators");
  for (const auto output : node.outputs) {
    if (output == absent || !replay.items[output].var.defined()) continue;
    if (replay.items[output].var.shape().elements() > most_elements)
      call.refuse(
          fmt::format("its output of shape {} is too large", to_string(replay.items[output].var.shape())));
  }
  for (const auto output : node.outputs)
    if (output != absent && !replay.items[output].defined())
      call.refuse("keel does not compute all of its outputs");
}

}  // namespace

std::vector<std::string> Network::operators() const {
  std::vector<std::string> names;
  for (const auto& node : nodes) names.push_back(node.file.op);
  return names;
}

std::vector<Var> Network::record(Tape& tape, std::span<const Var> given, const SourceLocation& where) const {
  const Network& network = *this;
  const auto taken = network.inputs.size();
  if (given.size() != taken) {
    throw Error{fmt::format("{} takes {}, not {}, at {}", network.path.string(),
                            counted(static_cast<std::int64_t>(taken), "input"), given.size(),
                            describe(where))};
  }
  Replay replay{tape, where, single_of(network, given), std::vector<Item>(network.values)};
  give_sources(network, given, replay);
  for (const auto& node : network.nodes) record_node(network, node, replay);
  std::vector<Var> vars;
  const FileNode last{.op = "Identity", .name = "", .inputs = {}, .outputs = {}, .settings = {}};
  const NetworkNode node{.file = last, .title = "the outputs", .inputs = network.results};
  const Call call{network, node, replay};
  for (std::size_t i = 0; i < network.results.size(); ++i) vars.push_back(call.var(i));
  return vars;
}

}  // namespace keel::onnx
