#include "keel/graph/gradcheck_order.hpp"

#include "keel/graph/gradients.hpp"

namespace keel {

CheckedFunction derivative_of(const CheckedFunction& checked) {
  Tape tape{checked.mode};
  const auto vars = checked.on(tape);
  const auto outputs = checked.function(checked.arguments(vars));

  CheckedFunction derivative = checked;
  const auto given = checked.inputs.size() - checked.names.size();
  derivative.upstream_inputs += outputs.size();
  for (auto& upstream : upstream_gradients(outputs, checked.seed, checked.inputs.size())) {
    derivative.differentiated.push_back(derivative.inputs.size());
    derivative.inputs.push_back(std::move(upstream));
  }
  derivative.function = [checked, given](std::span<const Var> inputs) {
    const auto results = checked.function(inputs.first(given));
    std::vector<Var> wrt;
    for (const auto index : checked.differentiated) {
      wrt.push_back(checked.is_stored(index)
                        ? results[0].tape().stored(checked.inputs[index], checked.names[index])
                        : inputs[index - checked.names.size()]);
    }
    return gradients(results, inputs.subspan(given), wrt);
  };
  return derivative;
}

}  // namespace keel
