#include "keel/graph/gradcheck_function.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "keel/graph/gradients.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

// dst = src, f64. Never a view, nor in place: it is there to separate the two.
class CopyOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "copy"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return {[src = binding.input<const double>(0), dst = binding.output<double>(0),
             count = binding.output_type(0).shape.elements()] { std::copy_n(src.get(), count, dst.get()); },
            "reference"};
  }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {record(std::make_shared<CopyOp>(), {context.output_grads[0]}, context.where)};
  }
};

Var copied(const Var& var) {
  return record(std::make_shared<CopyOp>(), {var}, SourceLocation::current());
}

}  // namespace

std::string CheckedFunction::name_of(std::size_t input) const {
  if (is_stored(input)) return names[input];
  if (input + upstream_inputs < inputs.size()) return fmt::format("input {}", input - names.size());
  const auto index = input + upstream_inputs - inputs.size();
  return upstream_inputs == 1 ? "the upstream gradient" : fmt::format("upstream gradient {}", index);
}

std::vector<Var> CheckedFunction::on(Tape& tape) const {
  std::vector<Var> vars;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    vars.push_back(is_stored(i) ? tape.stored(inputs[i], names[i])
                                : tape.input(inputs[i].type(), name_of(i)));
  }
  return vars;
}

RecordedFunction::RecordedFunction(const CheckedFunction& checked)
    : checked_(checked), tape_(checked.mode), inputs_(checked.on(tape_)) {
  for (const auto& input : checked.arguments(inputs_)) {
    copies_.push_back(input.dtype() == DType::f64 ? copied(input) : input);
  }
}

std::vector<Var> RecordedFunction::outputs() {
  auto outputs = checked_.function(copies_);
  for (auto& output : outputs) {
    if (output.dtype() != DType::f64) {
      throw Error{
          fmt::format("gradcheck works in f64, but the function returned {}", to_string(output.type()))};
    }
    output = copied(output);
  }
  return outputs;
}

std::vector<Var> RecordedFunction::gradients(std::span<const Var> outputs, std::span<const Tensor> upstream) {
  std::vector<Var> output_grads;
  for (const auto& tensor : upstream) output_grads.push_back(tape_.stored(tensor, "upstream"));
  std::vector<Var> wrt;
  for (const auto index : checked_.differentiated) wrt.push_back(inputs_[index]);
  return keel::gradients(outputs, output_grads, wrt);
}

Plan RecordedFunction::compile(std::span<const Var> results, const PlanOptions& options) const {
  Plan plan{tape_, results, options};
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (!checked_.is_stored(i)) plan.bind(inputs_[i], checked_.inputs[i]);
  }
  return plan;
}

std::vector<Tensor> upstream_gradients(std::span<const Var> outputs, std::uint64_t seed, std::size_t set) {
  std::vector<Tensor> upstream;
  for (const auto& output : outputs) {
    Tensor tensor{output.shape(), DType::f64};
    auto rng = Rng{seed}.stream("upstream", set * outputs.size() + upstream.size());
    for (auto& element : tensor.data<double>()) element = rng.normal();
    upstream.push_back(std::move(tensor));
  }
  return upstream;
}

std::vector<std::vector<double>> run_from(const StoredState& state, Plan& plan, std::size_t results) {
  state.restore();
  plan.run();
  state.restore();
  std::vector<std::vector<double>> elements;
  for (std::size_t i = 0; i < results; ++i) {
    const auto result = plan.output(i).data<double>();
    elements.emplace_back(result.begin(), result.end());
  }
  return elements;
}

// Where every value has memory of its own, no kernel can do harm in place: that is the function's value.
WeightedValue::WeightedValue(const CheckedFunction& checked, StoredState& state)
    : checked_(checked),
      state_(state),
      recording_(checked),
      results_(recording_.outputs()),
      plan_(recording_.compile(results_, {.rules = {}, .reuse_memory = false})) {
  state_.add(recording_.tape().program());
  for (const auto& upstream : upstream_gradients(results_, checked.seed)) {
    weights_.insert(weights_.end(), upstream.data<double>().begin(), upstream.data<double>().end());
  }
  unmoved_ = outputs();
  find_what_matters();
}

// Also by what an operator writes into.
void WeightedValue::find_what_matters() {
  const auto& program = recording_.tape().program();
  matters_.assign(program.values.size(), 0);
  for (const auto& result : results_) matters_[result.id()] = 1;
  const auto matters = [&](std::size_t id) { return matters_[id] != 0; };
  for (auto i = program.nodes.size(); i-- > 0;) {
    const auto& node = program.nodes[i];
    if (std::ranges::none_of(node.outputs, matters) &&
        std::ranges::none_of(program.mutated_by(node), matters))
      continue;
    for (const auto id : node.inputs) matters_[id] = 1;
  }
}

std::vector<double> WeightedValue::outputs() {
  std::vector<double> all;
  for (const auto& output : run_from(state_, plan_, results_.size())) {
    all.insert(all.end(), output.begin(), output.end());
  }
  return all;
}

// The step made is projected on the direction, as each element's is rounded. Each output is taken to be
// rounded correctly, independently of the others: worse shows in differences that do not agree.
Change WeightedValue::change(std::size_t input, const Direction& direction, double step) {
  const auto elements = checked_.inputs[input].data<double>();
  std::vector<double> before;
  double made = 0.0;
  double square = 0.0;
  for (std::size_t i = 0; i < direction.elements.size(); ++i) {
    double& element = elements[direction.elements[i]];
    const double weight = direction.weights[i];
    before.push_back(element);
    element += step * weight;
    made += (element - before[i]) * weight;
    square += weight * weight;
  }
  const auto moved = outputs();
  for (std::size_t i = 0; i < before.size(); ++i) elements[direction.elements[i]] = before[i];

  Change change{.step = made / square, .terms = std::vector<double>(moved.size())};
  double squares = 0.0;
  double all_squares = 0.0;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const double difference = moved[i] - unmoved_[i];
    change.terms[i] = weights_[i] * difference;
    const double square_of_term =
        std::pow(weights_[i] * std::max(std::abs(moved[i]), std::abs(unmoved_[i])), 2);
    if (difference != 0.0) squares += square_of_term;
    all_squares += square_of_term;
  }
  change.hidden = std::numeric_limits<double>::epsilon() * std::sqrt(all_squares);
  change.rounding = std::numeric_limits<double>::epsilon() * std::sqrt(squares);
  return change;
}

}  // namespace keel
