#include "shrink.hpp"

#include <algorithm>
#include <set>

namespace keel::differential {
namespace {

bool reads(const Case& description, std::size_t value) {
  return std::ranges::any_of(
      description.steps, [&](const CaseStep& step) { return std::ranges::count(step.operands, value) > 0; });
}

// Without value `id`: its readers read `instead`, and all later ones move up.
Case without(const Case& description, std::size_t id, std::size_t instead) {
  Case result = description;
  const auto inputs = static_cast<std::size_t>(description.inputs.size());
  if (id < inputs) {
    result.inputs.erase(result.inputs.begin() + static_cast<std::ptrdiff_t>(id));
  } else {
    result.steps.erase(result.steps.begin() + static_cast<std::ptrdiff_t>(id - inputs));
  }
  for (auto& step : result.steps) {
    for (auto& operand : step.operands) {
      if (operand == id) operand = instead;
      if (operand > id) --operand;
    }
  }
  return result;
}

void propose_fewer(const Case& description, std::vector<Case>& proposals) {
  const auto inputs = description.inputs.size();
  for (std::size_t i = description.steps.size(); i-- > 0;) {
    if (description.steps.size() == 1) break;
    if (!reads(description, inputs + i)) proposals.push_back(without(description, inputs + i, 0));
    for (const auto operand : description.steps[i].operands)
      if (reads(description, inputs + i)) proposals.push_back(without(description, inputs + i, operand));
  }
  for (std::size_t i = inputs; i-- > 0;)
    if (!reads(description, i)) proposals.push_back(without(description, i, 0));
}

void propose_plainer(const Case& description, std::vector<Case>& proposals) {
  const auto propose = [&](const auto& change) {
    Case changed = description;
    change(changed);
    if (changed != description) proposals.push_back(std::move(changed));
  };
  propose([](Case& c) { c.update = {}; });
  propose([](Case& c) { c.update.max_norm = 0; });
  propose([](Case& c) { c.update.weight_decay = 0; });
  propose([](Case& c) {
    c.gradients = false;
    c.update = {};
  });
  propose([](Case& c) { c.threads = 1; });
  propose([](Case& c) { c.fused = false; });
  for (std::size_t i = 0; i < description.inputs.size(); ++i) {
    propose([&](Case& c) {
      if (c.inputs[i].values != ValueKind::labels) c.inputs[i].values = ValueKind::normal;
    });
    propose([&](Case& c) { c.inputs[i].role = Role::constant; });
  }
}

// Extents belong together across inputs and options, so all that are equal change at once; one input's alone
// second.
void propose_smaller(const Case& description, std::vector<Case>& proposals) {
  std::set<std::int64_t, std::greater<>> extents;
  for (const auto& input : description.inputs)
    extents.insert(input.shape.extents().begin(), input.shape.extents().end());
  for (const auto extent : extents) {
    std::set<std::int64_t> smaller{1, 2, extent / 2, extent * 3 / 4, extent - 1};
    for (const auto value : smaller) {
      if (value < 1 || value >= extent) continue;
      const auto replaced = [&](Case& c, bool one_input, std::size_t only) {
        for (std::size_t i = 0; i < c.inputs.size(); ++i) {
          if (one_input && i != only) continue;
          std::vector<std::int64_t> changed(c.inputs[i].shape.extents().begin(),
                                            c.inputs[i].shape.extents().end());
          std::ranges::replace(changed, extent, value);
          c.inputs[i].shape = Shape{std::span<const std::int64_t>{changed}};
          if (c.inputs[i].classes == extent) c.inputs[i].classes = value;
        }
      };
      Case everywhere = description;
      replaced(everywhere, false, 0);
      proposals.push_back(everywhere);
      for (auto& step : everywhere.steps)
        for (auto& option : step.options)
          if (option == static_cast<double>(extent)) option = static_cast<double>(value);
      proposals.push_back(everywhere);
      for (std::size_t i = 0; i < description.inputs.size(); ++i) {
        Case once = description;
        replaced(once, true, i);
        if (once != description) proposals.push_back(std::move(once));
      }
    }
  }
}

}  // namespace

Case shrink(Case description, const std::function<bool(const Case&)>& fails, int attempts) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    std::vector<Case> proposals;
    propose_fewer(description, proposals);
    propose_smaller(description, proposals);
    propose_plainer(description, proposals);
    for (auto& proposal : proposals) {
      if (attempts-- <= 0) return description;
      if (!fails(proposal)) continue;
      description = std::move(proposal);
      smaller = true;
      break;
    }
  }
  return description;
}

}  // namespace keel::differential
