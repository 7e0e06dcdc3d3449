#include "keel/graph/merge_equal.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace keel {
namespace {

class Merger {
 public:
  Merger(Program& program, const std::vector<std::size_t>& outputs)
      : program_(program), outputs_(outputs), same_(program.values.size()), writes_(program.values.size()) {
    std::iota(same_.begin(), same_.end(), 0);
  }

  void run() {
    for (auto& node : program_.nodes) {
      for (auto& id : node.inputs) id = same_[id];
      const auto mutated = program_.mutated_by(node);
      for (const auto id : mutated) ++writes_[id];
      if (mutated.empty()) merge(node);
    }
  }

 private:
  void merge(const Node& node) {
    auto& alike = known_[read_by(node)];
    const auto first = std::ranges::find_if(alike, [&](auto* other) { return node.op->is_same(*other->op); });
    if (first == alike.end())
      alike.push_back(&node);
    else if (!std::ranges::any_of(node.outputs,
                                  [&](auto id) { return std::ranges::count(outputs_, id) > 0; }))
      for (std::size_t i = 0; i < node.outputs.size(); ++i) same_[node.outputs[i]] = (*first)->outputs[i];
  }

  // Each with how often it was written into so far.
  [[nodiscard]] std::vector<std::size_t> read_by(const Node& node) const {
    std::vector<std::size_t> read;
    for (const auto id : node.inputs) {
      read.push_back(id);
      read.push_back(writes_[id]);
    }
    return read;
  }

  Program& program_;
  const std::vector<std::size_t>& outputs_;
  std::vector<std::size_t> same_;    // by value: the one that is read in its place
  std::vector<std::size_t> writes_;  // by value: by nodes so far
  std::map<std::vector<std::size_t>, std::vector<const Node*>> known_;
};

}  // namespace

void merge_equal_nodes(Program& program, const std::vector<std::size_t>& outputs) {
  Merger{program, outputs}.run();
}

}  // namespace keel
