#include "keel/graph/layout.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "keel/graph/memory_plan.hpp"
#include "keel/runtime/buffer.hpp"

namespace keel {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

// Collects blocks of values, from single values through views, adjacent groups and overwritten inputs.
class BlockBuilder {
 public:
  // `roots`: by value, the value whose memory it lies in.
  BlockBuilder(const Program& program, std::span<const std::size_t> outputs, std::vector<std::size_t> roots)
      : program_(program),
        roots_(std::move(roots)),
        block_of_(program.values.size(), none),
        offset_in_block_(program.values.size(), 0),
        is_output_(program.values.size(), 0) {
    for (std::size_t i = 0; i < program.nodes.size(); ++i) {
      for (const auto id : program.nodes[i].outputs) {
        if (roots_[id] != id) continue;
        block_of_[id] = blocks_.size();
        blocks_.push_back({.bytes = program.values[id].type.bytes(), .first = i, .last = i});
      }
      for (const auto id : program.nodes[i].inputs) {
        if (block(id) != none) blocks_[block(id)].last = i;
      }
    }
    for (const auto id : outputs) {
      is_output_[roots_[id]] = 1;
      if (block(id) != none) blocks_[block(id)].last = program.nodes.size();
    }
  }

  void group_adjacent() {
    grouped_.assign(blocks_.size(), 0);
    for (const auto& node : program_.nodes) {
      std::vector<std::size_t> members;
      for (const auto input : node.op->adjacent(program_.types(node.inputs))) {
        const auto root = roots_[node.inputs[input]];
        const bool placed_elsewhere = block_of_[root] == none || grouped_[block_of_[root]] != 0;
        if (!placed_elsewhere && !std::ranges::count(members, root)) members.push_back(root);
      }
      if (members.size() > 1) join(members);
    }
  }

  void reuse_overwritten_inputs() {
    for (std::size_t i = 0; i < program_.nodes.size(); ++i) {
      const auto& node = program_.nodes[i];
      if (node.outputs.empty() || block_of_[node.outputs[0]] == none) continue;  // none: a view
      const bool grouped = grouped_[block_of_[node.outputs[0]]] != 0;
      if (grouped && !node.op->begins_early()) continue;
      for (std::size_t k = 0; k < node.inputs.size(); ++k) {
        if (!node.op->may_overwrite(k) || is_read_twice(node, k)) continue;
        if (take_over(roots_[node.inputs[k]], node.outputs[0], i)) break;
      }
    }
  }

  Layout finish(std::size_t scratch_bytes, bool reuse) {
    if (!reuse) {
      for (auto& block : blocks_) block = {block.bytes, 0, program_.nodes.size()};
    }
    blocks_.push_back({.bytes = scratch_bytes, .first = 0, .last = program_.nodes.size()});
    const auto plan = plan_memory(blocks_);
    Layout layout{.offsets = std::vector<std::optional<std::size_t>>(block_of_.size()),
                  .scratch_offset = plan.offsets.back(),
                  .bytes = plan.bytes};
    for (std::size_t id = 0; id < block_of_.size(); ++id) {
      if (block(id) != none) layout.offsets[id] = plan.offsets[block(id)] + offset_in_block_[roots_[id]];
    }
    return layout;
  }

 private:
  [[nodiscard]] std::size_t block(std::size_t id) const { return block_of_[roots_[id]]; }

  // Whether the memory of input `k` is also another input's, which would be read after it was overwritten.
  [[nodiscard]] bool is_read_twice(const Node& node, std::size_t k) const {
    const auto root = roots_[node.inputs[k]];
    return std::ranges::count(node.inputs, root, [&](auto id) { return roots_[id]; }) > 1;
  }

  // Makes the first member's block hold all of them, each aligned, for as long as any is needed.
  void join(std::span<const std::size_t> members) {
    const std::size_t block = block_of_[members[0]];
    std::size_t offset = 0;
    for (const auto id : members) {
      const std::size_t own = block_of_[id];
      blocks_[block].first = std::min(blocks_[block].first, blocks_[own].first);
      blocks_[block].last = std::max(blocks_[block].last, blocks_[own].last);
      if (own != block) blocks_[own].bytes = 0;
      block_of_[id] = block;
      offset_in_block_[id] = offset;
      offset += aligned(program_.values[id].type.bytes());
    }
    blocks_[block].bytes = offset;
    grouped_[block] = 1;
  }

  bool take_over(std::size_t input, std::size_t output, std::size_t node) {
    const std::size_t from = block_of_[input];
    if (from == none || grouped_[from] != 0 || is_output_[input] != 0) return false;
    auto& donor = blocks_[from];
    auto& taker = blocks_[block_of_[output]];
    if (donor.last != node) return false;
    if (grouped_[block_of_[output]] != 0) return join_group(input, output);
    if (donor.bytes != taker.bytes) return false;
    donor.last = taker.last;
    taker.bytes = 0;
    block_of_[output] = from;
    return true;
  }

  // Lays `input`, and what it took its memory over from, where `output` lies, among its neighbours.
  bool join_group(std::size_t input, std::size_t output) {
    const auto bytes = [&](std::size_t id) { return program_.values[id].type.bytes(); };
    const std::size_t from = block_of_[input];
    auto& donor = blocks_[from];
    if (bytes(input) != bytes(output) || donor.bytes != bytes(input)) return false;
    auto& group = blocks_[block_of_[output]];
    group.first = std::min(group.first, donor.first);
    donor.bytes = 0;
    for (std::size_t id = 0; id < block_of_.size(); ++id) {
      if (block_of_[id] != from) continue;
      block_of_[id] = block_of_[output];
      offset_in_block_[id] = offset_in_block_[output];
    }
    return true;
  }

  const Program& program_;
  std::vector<std::size_t> roots_;
  std::vector<Block> blocks_;
  std::vector<std::size_t> block_of_;         // by root
  std::vector<std::size_t> offset_in_block_;  // by root
  std::vector<char> grouped_;                 // by block
  std::vector<char> is_output_;               // by root
};

std::vector<std::size_t> all_by_themselves(const Program& program) {
  std::vector<std::size_t> roots(program.values.size());
  std::iota(roots.begin(), roots.end(), 0);
  return roots;
}

}  // namespace

std::vector<std::size_t> shared_memory(const Program& program, std::span<const std::size_t> outputs) {
  std::vector<char> mutated(program.values.size(), 0);
  for (const auto& node : program.nodes) {
    for (const auto id : program.mutated_by(node)) mutated[id] = 1;
  }
  auto roots = all_by_themselves(program);
  for (const auto& node : program.nodes) {
    if (!node.op->is_view()) continue;
    const auto root = roots[node.inputs[0]];
    const auto view = node.outputs[0];
    const bool outlasts =
        program.values[root].kind != ValueKind::intermediate && std::ranges::count(outputs, view) > 0;
    if (mutated[root] == 0 && !outlasts) roots[view] = root;
  }
  return roots;
}

Layout lay_out(const Program& program, std::span<const std::size_t> outputs, std::size_t scratch_bytes,
               bool reuse) {
  BlockBuilder builder{program, outputs,
                       reuse ? shared_memory(program, outputs) : all_by_themselves(program)};
  builder.group_adjacent();
  if (reuse) builder.reuse_overwritten_inputs();
  return builder.finish(scratch_bytes, reuse);
}

}  // namespace keel
