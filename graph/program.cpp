#include "keel/graph/program.hpp"

#include <algorithm>
#include <utility>

namespace keel {

std::vector<ValueType> Program::types(const std::vector<std::size_t>& ids) const {
  std::vector<ValueType> result;
  result.reserve(ids.size());
  for (const auto id : ids) result.push_back(values[id].type);
  return result;
}

std::vector<MemoryFormat> Program::formats(const std::vector<std::size_t>& ids) const {
  std::vector<MemoryFormat> result;
  result.reserve(ids.size());
  for (const auto id : ids) result.push_back(values[id].format);
  return result;
}

std::vector<std::size_t> Program::mutated_by(const Node& node) const {
  auto mutated = node.op->mutates(types(node.inputs));
  for (auto& index : mutated) index = node.inputs[index];
  return mutated;
}

// Of stored values another node may change what is there before, so that nodes that read them stay.
void move_early(Program& program) {
  std::vector<std::size_t> made_by(program.values.size(), 0);  // one behind the node's place
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    std::size_t place = 0;
    bool all_computed = true;
    for (const auto id : program.nodes[i].inputs) {
      place = std::max(place, made_by[id]);
      all_computed = all_computed && made_by[id] > 0;
    }
    if (program.nodes[i].op->begins_early() && all_computed && place < i) {
      const auto first = program.nodes.begin() + static_cast<std::ptrdiff_t>(place);
      const auto node = program.nodes.begin() + static_cast<std::ptrdiff_t>(i);
      std::rotate(first, node, node + 1);
      for (auto& made : made_by)
        if (made > place && made <= i) ++made;
    } else {
      place = i;
    }
    for (const auto id : program.nodes[place].outputs) made_by[id] = place + 1;
  }
}

void drop_dead_nodes(Program& program, const std::vector<std::size_t>& outputs) {
  std::vector<bool> live(program.values.size(), false);
  for (const auto id : outputs) live[id] = true;
  std::deque<Node> kept;
  for (auto node = program.nodes.rbegin(); node != program.nodes.rend(); ++node) {
    const bool is_read = std::ranges::any_of(node->outputs, [&](auto id) { return live[id]; });
    if (!is_read && program.mutated_by(*node).empty()) continue;
    for (const auto id : node->inputs) live[id] = true;
    kept.push_back(std::move(*node));
  }
  std::ranges::reverse(kept);
  program.nodes = std::move(kept);
}

}  // namespace keel
