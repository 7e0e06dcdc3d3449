// The optimizers' updates, clipping and running statistics, which change stored values.

#include <cmath>

#include "keel/ops/sgd_op.hpp"
#include "oracle.hpp"

namespace keel::differential {
namespace {

// The f64 operator on absolute values and a negative learning rate (input 0) has no differences left: what it
// gives are the sums of the magnitudes.
std::vector<Array> magnitudes_of(std::vector<Array> inputs) {
  inputs = absolute(std::move(inputs));
  inputs[0].data[0] = -inputs[0].data[0];
  return inputs;
}

// Each result is a few products, sums, a quotient and a root, of at most `error / unit` roundings in all, also
// of settings that are rounded to f32.
Oracle update(double error) {
  return [error](const NodeRun& run) {
    auto values = in_f64(run.shared_op, run.inputs).mutated;
    const auto magnitudes = in_f64(run.shared_op, magnitudes_of(run.inputs)).mutated;
    Prediction prediction;
    for (auto& [input, value] : values) {
      prediction.mutated[input] = value.type.dtype == run.inputs[input].type.dtype
                                      ? exact(value.data)  // a count of steps
                                      : scaled(value.data, error, magnitudes.at(input).data);
    }
    return prediction;
  };
}

// A velocity that a product was added to before is known up to that product's error, which the update passes
// on: to the parameter times the learning rate.
Prediction sgd_update(const NodeRun& run) {
  auto prediction = update(8 * unit)(run);
  const auto& op = dynamic_cast<const SgdUpdateOp&>(*run.op);
  for (std::size_t i = 0; i < op.accumulated().size(); ++i) {
    const auto found = run.uncertain.find(op.velocity_input(i));
    if (found == run.uncertain.end()) continue;
    for (std::size_t k = 0; k < found->second.size(); ++k) {
      prediction.mutated.at(op.velocity_input(i)).bounds[k] += found->second[k];
      prediction.mutated.at(op.parameter_input(i)).bounds[k] +=
          std::abs(run.inputs[0].data[0]) * found->second[k];
    }
  }
  return prediction;
}

Prediction running_statistics(const NodeRun& run) {
  auto values = in_f64(run.shared_op, run.inputs).mutated;
  const auto magnitudes = in_f64(run.shared_op, absolute(run.inputs)).mutated;
  Prediction prediction;
  for (auto& [input, value] : values)
    prediction.mutated[input] = scaled(value.data, 6 * unit, magnitudes.at(input).data);
  return prediction;
}

// The norm is summed in double; the factor is rounded to f32, and each product.
Prediction clip_by_norm(const NodeRun& run) {
  auto values = in_f64(run.shared_op, run.inputs).outputs;
  Prediction prediction;
  for (std::size_t i = 0; i + 1 < values.size(); ++i)
    prediction.outputs.push_back(relative(std::move(values[i].data), 3 * unit));
  prediction.outputs.push_back(relative(std::move(values.back().data), 1e-12));
  return prediction;
}

}  // namespace

void add_update_oracles(Oracles& all) {
  all["sgd_update"] = sgd_update;
  all["adam_update"] = update(16 * unit);
  all["running_statistics"] = running_statistics;
  all["clip_by_norm"] = clip_by_norm;
}

}  // namespace keel::differential
