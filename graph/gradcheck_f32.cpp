#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "keel/graph/converted.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradcheck_f32_bound.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

// What is too large for f32 is infinite there.
bool agree(double found, double right, double bound) {
  if (std::isnan(found) || std::isnan(right)) return std::isnan(found) && std::isnan(right);
  if (found == right) return true;
  if (std::abs(right) > 0.999 * static_cast<double>(std::numeric_limits<float>::max())) {
    return std::isinf(found) && std::signbit(found) == std::signbit(right);
  }
  return std::abs(found - right) <= bound;
}

// Goes through a program in f32, node by node, and evaluates each in f64 as well, from the values that it had
// in f32: errors do not add up on the way, and no operator is blamed for another.
class F32Walk {
 public:
  F32Walk(const Tape& tape, std::span<const Tensor> inputs) : tape_(tape) {
    const auto& values = tape.program().values;
    values_.resize(values.size());
    indices_.resize(values.size());
    std::size_t next = 0;
    for (std::size_t id = 0; id < values.size(); ++id) {
      if (values[id].kind == ValueKind::stored) values_[id] = values[id].storage.clone();
      if (values[id].kind == ValueKind::input) values_[id] = inputs[next++];
    }
  }

  GradcheckF32Report run() {
    for (const auto& node : tape_.program().nodes) check(node);
    return std::move(report_);
  }

 private:
  void check(const Node& node) {
    std::vector<Tensor> narrow;
    std::vector<Tensor> wide;
    for (const auto id : node.inputs) {
      narrow.push_back(values_[id].clone());
      wide.push_back(indices_[id].defined() ? indices_[id].clone() : converted(values_[id], DType::f64));
    }
    std::optional<OneOperator> exact;
    std::vector<Tensor> right;
    std::string reason;
    try {
      exact.emplace(node, wide, tape_.mode());
      right = exact->run(wide);
      for (std::size_t i = 0; i < right.size(); ++i) {
        if (right[i].dtype() != DType::f64) indices_[node.outputs[i]] = right[i];
      }
    } catch (const std::exception& error) {
      reason = fmt::format("it can't be run in f64 either: {}", error.what());
      exact.reset();
    }
    try {
      const auto found = run_in_f32(node, narrow);
      if (exact) compare(node, found, right, rounding_bounds(*exact, wide, right));
    } catch (const std::exception& error) {
      if (!exact) throw;
      // What follows is checked at what it should have given.
      for (std::size_t i = 0; i < right.size(); ++i)
        values_[node.outputs[i]] = converted(right[i], DType::f32);
      reason = error.what();
    }
    if (!reason.empty()) leave_unchecked(node, reason);
  }

  std::vector<Tensor> run_in_f32(const Node& node, std::span<const Tensor> inputs) {
    OneOperator alone{node, inputs, tape_.mode()};
    auto found = alone.run(inputs);
    for (std::size_t i = 0; i < found.size(); ++i) values_[node.outputs[i]] = found[i];
    for (const auto id : tape_.program().mutated_by(node)) {
      const auto place = std::ranges::find(node.inputs, id) - node.inputs.begin();
      values_[id] = alone.arguments()[static_cast<std::size_t>(place)].clone();
    }
    return found;
  }

  void compare(const Node& node, std::span<const Tensor> found, std::span<const Tensor> right,
               const std::vector<std::vector<double>>& bounds) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i].dtype() != DType::f32) continue;
      const auto f32 = elements_of(found[i]);
      const auto f64 = elements_of(right[i]);
      for (std::size_t k = 0; k < f32.size(); ++k) {
        if (agree(f32[k], f64[k], bounds[i][k])) continue;
        report_.faults.push_back(fmt::format(
            "{} at {}: element {} of its output{} is {:.9g} in f32 but {:.9g} in f64 for the same inputs; "
            "rounding explains {:.2g}",
            node.op->name(), describe(node.where), k, found.size() == 1 ? "" : fmt::format(" {}", i), f32[k],
            f64[k], bounds[i][k]));
        return;
      }
    }
    ++report_.operators;
  }

  void leave_unchecked(const Node& node, const std::string& reason) {
    auto text = fmt::format("{} at {}: {}", node.op->name(), describe(node.where), reason);
    if (std::ranges::count(report_.unchecked, text) == 0) report_.unchecked.push_back(std::move(text));
  }

  const Tape& tape_;
  std::vector<Tensor> values_;  // by number
  // By number, what is no floating-point number: the places of a pooling's maxima, say, which kernels count
  // each in its own way. The f64 kernels go on with those of the f64 ones.
  std::vector<Tensor> indices_;
  GradcheckF32Report report_;
};

Tensor upstream_of(const Var& output, std::uint64_t seed, std::size_t number) {
  Tensor tensor{output.shape(), DType::f32};
  auto rng = Rng{seed}.stream("upstream", number);
  for (auto& element : tensor.data<float>()) element = static_cast<float>(rng.normal());
  return tensor;
}

}  // namespace

GradcheckF32Report gradcheck_f32(const std::function<Var(std::span<const Var>)>& function,
                                 std::span<const Tensor> inputs,
                                 std::span<const GradcheckParameter> parameters,
                                 const GradcheckOptions& options) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    require_values(inputs[i], fmt::format("the tensor given to gradcheck_f32 as input {}", i));
  try {
    Tape tape{options.mode};
    std::vector<Tensor> narrow;
    std::vector<Var> vars;
    std::vector<Var> wrt;
    for (const auto& [path, values] : parameters) wrt.push_back(tape.stored(values, path));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      narrow.push_back(converted(inputs[i], DType::f32));
      vars.push_back(tape.input(narrow[i].type(), fmt::format("input {}", i)));
      const bool is_frozen = std::ranges::count(options.frozen, i) > 0;
      if (narrow[i].dtype() == DType::f32 && !is_frozen) wrt.push_back(vars[i]);
    }
    const Var output = function(vars);
    if (output.dtype() != DType::f32) {
      throw Error{fmt::format("for f32 inputs the function returned {}", to_string(output.type()))};
    }
    std::vector<Var> outputs{output};
    for (int order = 0; order < options.order; ++order) {
      const auto known = wrt.size();
      for (const auto& var : outputs)
        wrt.push_back(tape.stored(upstream_of(var, options.seed, wrt.size()), "upstream"));
      const std::span all{wrt};
      outputs = gradients(outputs, all.subspan(known), all.first(known));
    }
    return F32Walk{tape, narrow}.run();
  } catch (const std::exception& error) {
    return {.faults = {}, .unchecked = {error.what()}};
  }
}

}  // namespace keel
