#include "keel/graph/dot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// How a node of the picture looks. The fills are Okabe and Ito's (2008), which the colour-blind tell apart,
// lightened so that they can be written on; shapes tell the same.
constexpr std::string_view operator_style = R"(shape=box, style="filled,rounded", fillcolor="#cfe8f8")";
constexpr std::string_view view_style = R"(shape=box, style="rounded,dashed")";
constexpr std::string_view input_style = R"(shape=ellipse, style=filled, fillcolor="#faf5b4")";
constexpr std::string_view output_style = R"(shape=box, style=filled, fillcolor="#b9e4d6", peripheries=2)";
constexpr std::string_view stored_style = R"(shape=note, style=filled, fillcolor="#fbe3b3")";
constexpr std::string_view type_style = R"(shape=plaintext, height=0.2, width=0, margin="0.04,0.02")";
constexpr std::string_view placed_style = R"(shape=box, color="#707070")";
constexpr std::string_view in_place_style =
    R"(shape=box, color="#707070", style=filled, fillcolor="#f0d8e5")";
constexpr std::string_view reading;
constexpr std::string_view overwriting = R"(dir=both, penwidth=2, arrowsize=0.7, color="#d55e00")";

// Larger programs are drawn with less care: dot would take minutes over a network of forty layers.
constexpr std::size_t placed_at_leisure = 100;

struct Label {
  std::string_view style;
  std::string text;
};

// Between quotes Graphviz reads backslashes and the names of characters ("&lt;").
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '&') {
      result += "&amp;";
    } else if (c == '\n') {
      result += "\\n";
    } else {
      result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
  }
  return result;
}

// "fc1.weights", or the value's number.
std::string name_of(const Program& program, std::size_t id) {
  const auto& name = program.values[id].name;
  return name.empty() ? fmt::format("value {}", id) : name;
}

enum class Phase : std::uint8_t { forward, backward, update };

// By node, the part of a training step that it belongs to.
std::vector<Phase> phases_of(const Program& program, std::optional<std::size_t> loss) {
  std::vector<Phase> phases(program.nodes.size(), Phase::forward);
  if (!loss) return phases;
  std::vector<char> read_forward(program.values.size(), 0);
  bool behind_loss = false;
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    const auto& node = program.nodes[i];
    if (behind_loss) {
      const auto mutated = program.mutated_by(node);
      const bool updates = std::ranges::any_of(mutated, [&](auto id) { return read_forward[id] != 0; });
      phases[i] = updates ? Phase::update : Phase::backward;
    } else {
      for (const auto id : node.inputs) read_forward[id] = 1;
      behind_loss = std::ranges::count(node.outputs, *loss) > 0;
    }
  }
  return phases;
}

// Collects the statements of a picture: the forward pass from top to bottom, the backward pass and the update
// beside it from bottom to top, so that what they read of the forward pass is near.
class Picture {
 public:
  Picture(const Program& program, std::span<const std::size_t> outputs, std::optional<std::size_t> loss)
      : program_(program), outputs_(outputs), phases_(phases_of(program, loss)) {
    for (std::size_t id = 0; id < program.values.size(); ++id) {
      const auto& value = program.values[id];
      if (value.kind != ValueKind::input) continue;
      add(Phase::forward, fmt::format("value{}", id),
          {input_style, fmt::format("{}\n{}", name_of(program, id), to_string(value.type))});
    }
  }

  // Adds node `index` with what it reads; its outputs are added with `add_output`.
  void add_node(std::size_t index, const Label& label) {
    const auto& node = program_.nodes[index];
    add(phases_[index], fmt::format("node{}", index), label);
    const auto mutated = program_.mutated_by(node);
    std::string read;
    std::string overwritten;
    for (const auto id : node.inputs) {
      const auto& value = program_.values[id];
      if (value.kind == ValueKind::stored) {
        auto& list = std::ranges::count(mutated, id) > 0 ? overwritten : read;
        list +=
            fmt::format("{}{}  {}", list.empty() ? "" : "\n", name_of(program_, id), to_string(value.type));
      } else {
        connect(fmt::format("value{}", id), fmt::format("node{}", index), phases_[index]);
      }
    }
    add_stored(index, "read", read, reading);
    add_stored(index, "overwritten", overwritten, overwriting);
  }

  void add_output(std::size_t index, std::size_t value, Label label) {
    const auto position = std::ranges::find(outputs_, value);
    if (position != outputs_.end()) {
      label = {output_style, fmt::format("output {}\n{}", position - outputs_.begin(), label.text)};
    }
    const auto name = fmt::format("value{}", value);
    add(phases_[index], name, label);
    connect(fmt::format("node{}", index), name, phases_[index]);
  }

  [[nodiscard]] std::string finish(std::string_view title, std::span<const Label> legend) const {
    auto text = fmt::format(
        "digraph keel {{\n"
        "  graph [label=\"{}\", labelloc=t, fontsize=18, fontname=\"Helvetica,Arial,sans-serif\", "
        "nodesep=0.4, ranksep=0.3{}];\n"
        "  node [fontname=\"Helvetica,Arial,sans-serif\", fontsize=12, margin=\"0.12,0.06\", height=0.3];\n",
        escaped(title), program_.nodes.size() > placed_at_leisure ? ", nslimit=1, nslimit1=1" : "");
    constexpr std::array names{"forward", "backward", "update"};
    const bool is_step = !statements_[1].empty() || !statements_[2].empty();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!statements_[i].empty()) text += cluster(names[i], is_step ? names[i] : "", statements_[i]);
    }
    std::string samples;
    for (std::size_t i = 0; i < legend.size(); ++i) {
      samples += statement(fmt::format("legend{}", i), legend[i]);
      if (i > 0) samples += fmt::format("    legend{} -> legend{} [style=invis];\n", i - 1, i);
    }
    return text + edges_ + cluster("legend", "legend", samples) + "}\n";
  }

 private:
  static std::string statement(std::string_view name, const Label& label) {
    return fmt::format("    {} [{}, label=\"{}\"];\n", name, label.style, escaped(label.text));
  }

  static std::string cluster(std::string_view name, std::string_view title, std::string_view statements) {
    return fmt::format(
        "  subgraph cluster_{} {{\n    graph [label=\"{}\", labeljust=l, fontsize=14, "
        "color=\"#b0b0b0\"];\n{}  }}\n",
        name, title, statements);
  }

  void add(Phase phase, std::string_view name, const Label& label) {
    statements_[static_cast<std::size_t>(phase)] += statement(name, label);
  }

  // Graphviz puts the start of an edge above its end: one that leads up is written the other way round.
  void connect(std::string_view from, std::string_view to, Phase phase) {
    edges_ += phase == Phase::forward ? fmt::format("  {} -> {};\n", from, to)
                                      : fmt::format("  {} -> {} [dir=back];\n", to, from);
  }

  // One list beside each node that reads them: edges to all readers of a parameter would cross everything.
  void add_stored(std::size_t node, std::string_view what, const std::string& list, std::string_view edge) {
    if (list.empty()) return;
    const auto name = fmt::format("{}{}", what, node);
    add(phases_[node], name, {stored_style, list});
    statements_[static_cast<std::size_t>(phases_[node])] +=
        fmt::format("    {{ rank=same; {} -> node{} [{}]; }}\n", name, node, edge);
  }

  const Program& program_;
  std::span<const std::size_t> outputs_;
  std::vector<Phase> phases_;              // by node
  std::array<std::string, 3> statements_;  // by phase
  std::string edges_;
};

// Whether a kernel writes output `id` over what it reads.
bool is_in_place(const Plan& plan, const Node& node, std::size_t id) {
  const auto offset = plan.arena_offset(id);
  const auto lies_there = [&](std::size_t input) { return plan.arena_offset(input) == offset; };
  return offset && std::ranges::any_of(node.inputs, lies_there);
}

// An intermediate value of a plan: its type, and where it lies.
Label placed_value(const Plan& plan, std::size_t id, bool in_place) {
  const auto& value = plan.program().values[id];
  const auto offset = plan.arena_offset(id);
  auto text = to_string(value.type);
  if (value.format == MemoryFormat::channels_last) text += ", channels last";
  text += offset ? fmt::format("\n@{}, {} B", *offset, value.type.bytes()) : "\nnot in the arena";
  if (in_place) text += ", in place";
  return {in_place ? in_place_style : placed_style, std::move(text)};
}

}  // namespace

std::string to_dot(const Program& program, std::span<const std::size_t> outputs, const DotOptions& options) {
  Picture picture{program, outputs, options.loss};
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    const auto& node = program.nodes[i];
    picture.add_node(i, {operator_style, fmt::format("{}\n{}", node.op->name(), describe(node.where))});
    for (const auto id : node.outputs)
      picture.add_output(i, id, {type_style, to_string(program.values[id].type)});
  }
  return picture.finish(options.title,
                        std::array<Label, 5>{{{operator_style, "operator\nand the line that recorded it"},
                                              {type_style, "type and shape of a value"},
                                              {input_style, "input"},
                                              {stored_style,
                                               "parameters and state, beside each reader;\n"
                                               "thick double arrow: overwritten"},
                                              {output_style, "output"}}});
}

std::string to_dot(const Plan& plan, const DotOptions& options) {
  const auto& program = plan.program();
  Picture picture{program, plan.output_values(), options.loss};
  auto steps = plan.steps();
  const auto kernels = steps.size();
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    const auto& node = program.nodes[i];
    // Views that share their source's memory are not among the steps.
    const bool has_kernel =
        !steps.empty() && steps[0].node.op == node.op && steps[0].node.outputs == node.outputs;
    if (has_kernel) {
      picture.add_node(i, {operator_style, fmt::format("{}\n{}", node.op->name(), steps[0].implementation)});
      steps = steps.subspan(1);
    } else {
      picture.add_node(i, {view_style, fmt::format("{}\nno kernel", node.op->name())});
    }
    for (const auto id : node.outputs) {
      picture.add_output(i, id, placed_value(plan, id, has_kernel && is_in_place(plan, node, id)));
    }
  }
  return picture.finish(
      fmt::format("{}\n{} kernels, arena of {} bytes", options.title, kernels, plan.arena_bytes()),
      std::array<Label, 7>{{{operator_style, "operator\nand the implementation of its kernel"},
                            {view_style, "view: shares its source's memory"},
                            {placed_style, "type and shape of a value\n@offset in the arena, size"},
                            {in_place_style, "in place: has taken over\nthe memory of what its kernel reads"},
                            {input_style, "input"},
                            {stored_style,
                             "parameters and state, beside each reader;\n"
                             "thick double arrow: overwritten"},
                            {output_style, "output"}}});
}

}  // namespace keel
