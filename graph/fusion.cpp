#include "keel/graph/fusion.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace keel {

Rewriter::Rewriter(Program& program, std::span<const std::size_t> outputs)
    : program_(program), outputs_(outputs) {
  index();
}

void Rewriter::index() {
  const std::size_t values = program_.values.size();
  producers_.assign(values, std::nullopt);
  readers_.assign(values, {});
  is_output_.assign(values, 0);
  removed_.assign(program_.nodes.size(), 0);
  for (const auto id : outputs_) is_output_[id] = 1;
  for (std::size_t i = 0; i < program_.nodes.size(); ++i) {
    for (const auto id : program_.nodes[i].outputs) producers_[id] = i;
    for (const auto id : program_.nodes[i].inputs) {
      if (readers_[id].empty() || readers_[id].back() != i) readers_[id].push_back(i);
    }
  }
}

std::optional<std::size_t> Rewriter::only_reader(std::size_t id) const {
  if (is_output_[id] != 0 || readers_[id].size() != 1) return std::nullopt;
  return readers_[id][0];
}

std::size_t Rewriter::add_value(ValueType type) {
  program_.values.push_back({.type = type, .kind = ValueKind::intermediate, .name = {}, .storage = {}});
  return program_.values.size() - 1;
}

std::size_t Rewriter::add_stored(const Tensor& tensor, std::string name) {
  program_.values.push_back(
      {.type = tensor.type(), .kind = ValueKind::stored, .name = std::move(name), .storage = tensor});
  return program_.values.size() - 1;
}

std::size_t Rewriter::settle() {
  const auto first = static_cast<std::size_t>(std::ranges::find(removed_, 1) - removed_.begin());
  std::deque<Node> kept;
  for (std::size_t i = 0; i < program_.nodes.size(); ++i) {
    if (removed_[i] == 0) kept.push_back(std::move(program_.nodes[i]));
  }
  program_.nodes = std::move(kept);
  index();
  return first;
}

void fuse(Program& program, std::span<const std::size_t> outputs, std::span<const FusionRule> rules) {
  Rewriter rewriter{program, outputs};
  for (const auto& rule : rules) {
    for (std::size_t i = 0; i < rewriter.node_count();) {
      if (rule.apply(rewriter, i)) {
        i = std::min(i, rewriter.settle());  // what stood behind the removed nodes has moved up
      } else {
        ++i;
      }
    }
  }
}

}  // namespace keel
