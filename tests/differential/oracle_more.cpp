// The operators that the keel program does without.

#include "oracle.hpp"

namespace keel::differential {
namespace {

std::vector<double> reference_of(const NodeRun& run) {
  return in_f64(run.shared_op, run.inputs).outputs[0].data;
}

Prediction unrounded(const NodeRun& run) {
  return {{exact(reference_of(run))}, {}};
}

Oracle rounded(double error) {
  return [error](const NodeRun& run) { return Prediction{{relative(reference_of(run), error)}, {}}; };
}

// Sums that are taken in double.
Prediction summed(const NodeRun& run) {
  const auto magnitudes = in_f64(run.shared_op, absolute(run.inputs)).outputs[0].data;
  return {{scaled(reference_of(run), sum_error, magnitudes)}, {}};
}

}  // namespace

void add_more_oracles(Oracles& all) {
  for (const auto* name : {"abs", "sign", "floor", "ceil", "round", "clamp", "is_between", "greater",
                           "greater_equal", "less", "less_equal", "equal", "not_equal", "minimum",
                           "share_of_minimum", "where", "take", "gather", "one_hot"})
    all[name] = unrounded;
  for (const auto* name : {"log1p", "expm1", "softplus", "silu", "erf", "sin", "cos"})
    all[name] = rounded(function_error);
  // In double, and rounded once.
  for (const auto* name : {"pow", "prod"}) all[name] = rounded(unit);
  for (const auto* name : {"cumsum", "take_backward", "scatter_add"}) all[name] = summed;
}

}  // namespace keel::differential
