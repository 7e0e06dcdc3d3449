#include "check_case.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "keel/runtime/error.hpp"
#include "oracle.hpp"

namespace keel::differential {
namespace {

std::string shapes_of(const std::vector<Array>& arrays) {
  std::vector<std::string> shapes;
  for (const auto& array : arrays) shapes.push_back(to_string(array.type.shape));
  return fmt::format("{}", fmt::join(shapes, ", "));
}

// Holds the nodes of one run against their oracles, in order.
class NodeCheck {
 public:
  NodeCheck(const Execution& execution, const Outcome& outcome, Tallies& tallies)
      : execution_(execution), outcome_(outcome), tallies_(tallies), stored_(outcome.before) {
    for (const auto& node : execution.plan().program().nodes)
      for (const auto id : execution.plan().program().mutated_by(node)) ++changes_[id];
  }

  std::optional<Finding> run() {
    const Node* suspect = nullptr;
    for (const auto& node : execution_.plan().program().nodes) {
      if (may_have_thrown(node)) {
        if (has_cause(node)) return std::nullopt;
        suspect = &node;
      }
      if (auto found = check_node(node)) return found;
    }
    if (suspect == nullptr) return std::nullopt;
    return Finding{std::string{suspect->op->name()},
                   fmt::format("threw without a cause: {}", *outcome_.thrown)};
  }

 private:
  [[nodiscard]] const Array& value(std::size_t id) const {
    const auto found = stored_.find(id);
    return found != stored_.end() ? found->second : outcome_.values.at(id);
  }

  NodeRun run_of(const Node& node) {
    const auto* sabotaged = dynamic_cast<const Sabotaged*>(node.op.get());
    const auto op = sabotaged != nullptr ? sabotaged->original() : node.op;
    NodeRun run{.op = op.get(),
                .shared_op = op,
                .node = &node,
                .inputs = {},
                .outputs = {},
                .mutated = {},
                .uncertain = {},
                .recorded = &execution_.recorded(),
                .compiled = &execution_.plan().program(),
                .values = &outcome_.values};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto id = node.inputs[i];
      run.inputs.push_back(value(id));
      if (uncertain_.contains(id)) run.uncertain.emplace(i, uncertain_.at(id));
    }
    for (const auto id : node.outputs) {
      run.outputs.push_back(outcome_.values.at(id));
      run.outputs.back().type = run.compiled->values[id].type;
    }
    for (const auto input : op->mutates(run.compiled->types(node.inputs)))
      run.mutated.emplace(input, outcome_.after.at(node.inputs[input]));
    return run;
  }

  [[nodiscard]] bool may_have_thrown(const Node& node) const {
    return outcome_.thrown && outcome_.thrown->starts_with(fmt::format("{} at ", node.op->name()));
  }

  // An update that meets what is not finite throws; there must be a reason in what it read.
  bool has_cause(const Node& node) {
    const auto run = run_of(node);
    constexpr double suspicious = 1e17;  // whose square overflows
    for (const auto& input : run.inputs) {
      for (const double number : input.data)
        if (!(std::abs(number) < suspicious)) return true;
    }
    return false;
  }

  std::optional<Finding> check_node(const Node& node) {
    const auto run = run_of(node);
    const std::string name{run.op->name()};
    // Where all outputs are stored values, none tells where the arena lies.
    if (std::ranges::any_of(run.inputs, [](const Array& input) { return input.data.empty(); })) return {};
    const auto oracle = oracles().find(name);
    if (oracle == oracles().end()) return Finding{name, "no oracle knows this operator"};
    auto& tally = tallies_[name];
    ++tally.nodes;
    Prediction prediction;
    try {
      prediction = oracle->second(run);
    } catch (const NonFiniteError&) {
      return Finding{name, fmt::format("passed over what is not finite, of {}", shapes_of(run.inputs))};
    }
    for (std::size_t i = 0; i < prediction.outputs.size(); ++i) {
      if (run.outputs.at(i).data.empty()) continue;  // which nothing reads
      const auto where = fmt::format("output {}", i);
      if (auto found = compare(run, where, run.outputs[i], prediction.outputs[i], tally)) return found;
    }
    for (const auto& [input, expected] : prediction.mutated) {
      const auto id = node.inputs[input];
      auto& stored = stored_.at(id);
      if (--changes_[id] > 0) {  // changed again later: only then can be seen what is left
        stored.data = expected.values;
        uncertain_[id] = expected.bounds;
        continue;
      }
      stored = run.mutated.at(input);
      const auto where = fmt::format("changed input {}", input);
      if (auto found = compare(run, where, stored, expected, tally)) return found;
    }
    return std::nullopt;
  }

  static std::optional<Finding> compare(const NodeRun& run, const std::string& where, const Array& actual,
                                        const Expected& expected, Tally& tally) {
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      ++tally.comparisons;
      const auto [value, bound] = std::pair{expected.values[i], expected.bounds.at(i)};
      if (is_within(actual.data.at(i), value, bound)) {
        const double error = std::abs(actual.data[i] - value);
        if (error > 0 && std::isfinite(error) && std::isfinite(bound))
          tally.worst = std::max(tally.worst, error / bound);
        continue;
      }
      const double error = std::abs(actual.data[i] - value);
      return Finding{
          std::string{run.op->name()},
          fmt::format("{} of {}, element {} of {} is {:.9g}, not {:.9g}: off by {:.3g}, allowed "
                      "{:.3g}",
                      run.op->name(), shapes_of(run.inputs), i, where, actual.data[i], value, error, bound)};
    }
    return std::nullopt;
  }

  const Execution& execution_;
  const Outcome& outcome_;
  Tallies& tallies_;
  std::map<std::size_t, Array> stored_;                   // as the next node finds them
  std::map<std::size_t, std::vector<double>> uncertain_;  // by how much that may be off
  std::map<std::size_t, std::size_t> changes_;            // of stored values, how many are to come
};

std::optional<std::size_t> first_difference(const Array& a, const Array& b) {
  for (std::size_t i = 0; i < std::min(a.data.size(), b.data.size()); ++i) {
    const bool both_nan = std::isnan(a.data[i]) && std::isnan(b.data[i]);
    if (!both_nan && std::bit_cast<std::uint64_t>(a.data[i]) != std::bit_cast<std::uint64_t>(b.data[i]))
      return i;
  }
  return std::nullopt;
}

// Values that both runs still have in the same place of the program: the plan's outputs and stored values.
std::optional<Finding> same_bits(const Execution& execution, const Outcome& first, const Outcome& second,
                                 std::string_view what) {
  if (first.thrown.has_value() != second.thrown.has_value())
    return Finding{"plan", fmt::format("throws only {}", what)};
  if (first.thrown) return std::nullopt;
  const auto report = [&](std::string_view kind, std::size_t id, const Array& a,
                          const Array& b) -> std::optional<Finding> {
    const auto place = first_difference(a, b);
    if (!place) return std::nullopt;
    return Finding{"plan", fmt::format("{} {} differs {}: element {} is {:.9g}, not {:.9g}", kind, id, what,
                                       *place, b.data[*place], a.data[*place])};
  };
  for (const auto id : execution.plan().output_values())
    if (auto found = report("output value", id, first.values.at(id), second.values.at(id))) return found;
  for (const auto& [id, array] : first.after)
    if (auto found = report("stored value", id, array, second.after.at(id))) return found;
  return std::nullopt;
}

}  // namespace

std::optional<Finding> check_case(const Case& description, Tallies& tallies, const Sabotage& sabotage) {
  Execution execution{description, sabotage};
  const auto separate = execution.run(false, 1);
  if (auto found = NodeCheck{execution, separate, tallies}.run()) return found;
  const auto shared = execution.run(true, 0);
  if (auto found = same_bits(execution, separate, shared, "with reused memory")) return found;
  const auto again = execution.run(true, 1);
  return same_bits(execution, separate, again, "in a second run");
}

}  // namespace keel::differential
