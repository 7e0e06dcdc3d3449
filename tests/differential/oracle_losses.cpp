// Losses that are operators of their own, in long double.

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/ops/weighted_nll.hpp"
#include "oracle.hpp"

namespace keel::differential {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// l = w t (max(-x, 0) + r) + (1 - t) (max(x, 0) + r) with r = log(1 + e^-|x|). An exponential's error, a
// logarithm's, and some roundings; both terms are positive unless the target is no probability.
Prediction binary_cross_entropy(const NodeRun& run) {
  constexpr double error = 12 * unit;
  Expected expected;
  for (std::size_t i = 0; i < run.inputs[0].data.size(); ++i) {
    const long double x = run.inputs[0].data[i];
    const long double t = run.inputs[1].data[i];
    const long double weight = run.inputs.size() > 2 ? run.inputs[2].data[i] : 1.0;
    const long double rest = std::log1p(std::exp(-std::abs(x)));
    const long double yes = weight * t * ((x < 0 ? -x : 0) + rest);
    const long double no = (1 - t) * ((x > 0 ? x : 0) + rest);
    const auto magnitude = static_cast<double>(std::abs(yes) + std::abs(no));
    expected.values.push_back(static_cast<double>(yes + no));
    // e^-|x| may be flushed to zero.
    const auto flushed = 2 * least_normal * static_cast<double>(1 + std::abs(t) * (1 + std::abs(weight)));
    expected.bounds.push_back(
        magnitude > largest / 64 && std::isfinite(magnitude) ? infinity : error * magnitude + flushed);
  }
  return {{expected}, {}};
}

// The terms, -sum of t log p by row, and the weight of each row's label, which is exact.
Prediction weighted_nll(const NodeRun& run) {
  const auto& settings = dynamic_cast<const WeightedNllOp&>(*run.op).settings();
  const auto& shape = run.inputs[0].type.shape;
  const auto classes = static_cast<std::size_t>(shape[1]);
  std::vector<double> terms;
  std::vector<double> magnitudes;
  std::vector<double> shares;
  for (std::size_t row = 0; row < static_cast<std::size_t>(shape[0]); ++row) {
    const double label = run.inputs[1].data[row];
    const bool ignored = settings.ignore_index && label == *settings.ignore_index;
    long double term = 0;
    long double magnitude = 0;
    const auto weight = [&](std::size_t c) { return run.inputs.size() > 2 ? run.inputs[2].data[c] : 1.0; };
    for (std::size_t c = 0; c < classes && !ignored; ++c) {
      const double own = static_cast<double>(c) == label ? 1 - settings.smoothing : 0;
      const long double part = weight(c) * (own + settings.smoothing / static_cast<double>(classes));
      if (part == 0) continue;
      term -= part * run.inputs[0].data[row * classes + c];
      magnitude += std::abs(part * run.inputs[0].data[row * classes + c]);
    }
    terms.push_back(static_cast<double>(term));
    magnitudes.push_back(static_cast<double>(magnitude));
    shares.push_back(ignored ? 0.0 : weight(static_cast<std::size_t>(label)));
  }
  return {{scaled(terms, sum_error, magnitudes), exact(shares)}, {}};
}

Prediction weighted_nll_backward(const NodeRun& run) {
  return {{relative(in_f64(run.shared_op, run.inputs).outputs[0].data, 2 * unit)}, {}};
}

}  // namespace

void add_loss_oracles(Oracles& all) {
  all["binary_cross_entropy_with_logits"] = binary_cross_entropy;
  all["weighted_nll"] = weighted_nll;
  all["weighted_nll_backward"] = weighted_nll_backward;
}

}  // namespace keel::differential
