// Softmax and cross-entropy, by loops of their own in long double: keel's f64 reference is not asked where
// it could share a fault with the f32 kernel.

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/ops/softmax_op.hpp"
#include "oracle.hpp"

namespace keel::differential {
namespace {

// Calls `each` with the places of every line along `axis`.
template <class Each>
void for_each_line(const Shape& shape, std::int64_t axis, const Each& each) {
  const auto rank = static_cast<std::int64_t>(shape.rank());
  const auto middle = axis < 0 ? axis + rank : axis;
  std::int64_t inner = 1;
  for (auto i = middle + 1; i < rank; ++i) inner *= shape[static_cast<std::size_t>(i)];
  const auto length = shape[static_cast<std::size_t>(middle)];
  std::vector<std::size_t> line(static_cast<std::size_t>(length));
  for (std::int64_t first = 0; first < shape.elements(); ++first) {
    if (first / inner % length != 0) continue;
    for (std::int64_t i = 0; i < length; ++i)
      line[static_cast<std::size_t>(i)] = static_cast<std::size_t>(first + i * inner);
    each(line);
  }
}

// dst = (x - max) - log S, S = sum exp(x - max). The difference and dst are rounded; S is off by its
// exponentials' errors, four units each and what rounding x - max makes of them, and by those of the sum,
// which all pass through the logarithm undiminished, as d log S = dS / S; then come the logarithm's own.
Expected log_softmax_of(const Array& src, std::int64_t axis) {
  const auto size = src.data.size();
  Expected expected{std::vector<double>(size), std::vector<double>(size)};
  for_each_line(src.type.shape, axis, [&](const std::vector<std::size_t>& line) {
    long double highest = src.data[line[0]];
    for (const auto i : line)
      highest = src.data[i] > highest || std::isnan(src.data[i]) ? src.data[i] : highest;
    long double total = 0;
    long double shifted = 0;
    bool known = true;
    for (const auto i : line) {
      const long double distance = src.data[i] - highest;
      known = known && !std::isnan(src.data[i]);
      total += std::exp(distance);
      if (!std::isinf(distance)) shifted += std::exp(distance) * -distance;
    }
    const long double logarithm = std::log(total);
    const auto terms = static_cast<std::int64_t>(line.size());
    const double sum_off = function_error + sum_error + unit * static_cast<double>(shifted / total);
    for (const auto i : line) {
      const long double distance = src.data[i] - highest;
      const long double value = known ? distance - logarithm : std::numeric_limits<long double>::quiet_NaN();
      expected.values[i] = static_cast<double>(value);
      expected.bounds[i] = unit * static_cast<double>(std::abs(distance) + std::abs(value)) +
                           (terms > 1 ? sum_off : 0.0) +
                           function_error * static_cast<double>(std::abs(logarithm)) + least;
    }
  });
  return expected;
}

Prediction log_softmax(const NodeRun& run) {
  const auto& op = dynamic_cast<const SoftmaxOp&>(*run.op);
  return {{log_softmax_of(run.inputs[0], op.axis())}, {}};
}

// The loss is the mean of one log-probability a row, each off by its own bound.
Prediction cross_entropy(const NodeRun& run) {
  const auto logs = log_softmax_of(run.inputs[0], 1);
  const auto rows = run.inputs[0].type.shape[0];
  const auto classes = static_cast<std::size_t>(run.inputs[0].type.shape[1]);
  long double loss = 0;
  double off = 0;
  double magnitude = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
    const auto place = i * classes + static_cast<std::size_t>(run.inputs[1].data[i]);
    const auto n = static_cast<double>(rows);
    loss -= static_cast<long double>(logs.values[place]) / n;
    magnitude += std::abs(logs.values[place]) / n;
    off += logs.bounds[place] / n;
  }
  auto expected = scaled({static_cast<double>(loss)}, sum_error + unit, {magnitude});
  expected.bounds[0] += off;
  return {{expected, logs}, {}};
}

// p = exp(x - max) / S. With -log p >= max - x the rounding of x - max is at most unit * -log p; S is off as
// above, where the mean of max - x under p is below log n. Less than the least normal number may be 0.
Prediction softmax(const NodeRun& run) {
  Expected expected{in_f64(run.shared_op, run.inputs).outputs[0].data, {}};
  const auto n = static_cast<double>(run.inputs[0].data.size());
  const double sum_off = sum_error + unit * std::log(n);
  for (const double p : expected.values) {
    const double exponent = p > 0 ? -std::log(p) : 0.0;
    expected.bounds.push_back(p * (unit * exponent + 2 * function_error + sum_off + 2 * unit) +
                              2 * least_normal);
  }
  return {{expected}, {}};
}

// grad_src = dst (grad - sum grad dst). On absolute values the f64 operator gives dst |grad| less
// dst * sum |grad dst|, so that twice the former less its result is the sum of magnitudes.
Prediction softmax_backward(const NodeRun& run) {
  auto values = in_f64(run.shared_op, run.inputs).outputs[0].data;
  const auto difference = in_f64(run.shared_op, absolute(run.inputs)).outputs[0].data;
  std::vector<double> magnitudes;
  for (std::size_t i = 0; i < difference.size(); ++i) {
    const double own = std::abs(run.inputs[0].data[i] * run.inputs[1].data[i]);
    magnitudes.push_back(2 * own - difference[i]);
  }
  auto expected = scaled(std::move(values), sum_error + 3 * unit, magnitudes);
  return {{expected}, {}};
}

// grad_src = grad - exp(dst) sum grad.
Prediction log_softmax_backward(const NodeRun& run) {
  const auto& op = dynamic_cast<const SoftmaxBackwardOp&>(*run.op);
  const auto& grad = run.inputs[0].data;
  const auto& dst = run.inputs[1].data;
  Expected expected{std::vector<double>(grad.size()), std::vector<double>(grad.size())};
  for_each_line(run.inputs[0].type.shape, op.axis(), [&](const std::vector<std::size_t>& line) {
    long double sum = 0;
    double magnitude = 0;
    for (const auto i : line) {
      sum += grad[i];
      magnitude += std::abs(grad[i]);
    }
    const double sum_off = sum_error * magnitude;
    for (const auto i : line) {
      const long double p = std::exp(static_cast<long double>(dst[i]));
      expected.values[i] = static_cast<double>(grad[i] - p * sum);
      if (std::isinf(sum) && !std::isnan(p)) {  // times a probability that may be flushed to zero
        expected.values[i] = 0;
        expected.bounds[i] = std::numeric_limits<double>::infinity();
        continue;
      }
      const double product = static_cast<double>(std::abs(p * sum));
      expected.bounds[i] = static_cast<double>(p) * sum_off + (function_error + 2 * unit) * product +
                           unit * (std::abs(grad[i]) + std::abs(expected.values[i])) +
                           2 * least_normal * (1 + static_cast<double>(std::abs(sum)));
    }
  });
  return {{expected}, {}};
}

// grad_src = (exp(dst) - onehot(label)) * grad / N.
Prediction cross_entropy_backward(const NodeRun& run) {
  const auto& shape = run.inputs[2].type.shape;
  const auto classes = static_cast<std::size_t>(shape[1]);
  const double factor = run.inputs[0].data[0] / static_cast<double>(shape[0]);
  Expected expected;
  if (std::isinf(factor)) {  // times a probability that may be flushed to zero
    const auto size = run.inputs[2].data.size();
    return {{{std::vector<double>(size), std::vector<double>(size, std::numeric_limits<double>::infinity())}},
            {}};
  }
  for (std::size_t i = 0; i < run.inputs[2].data.size(); ++i) {
    const double p = std::exp(run.inputs[2].data[i]);
    const bool is_label = static_cast<std::size_t>(run.inputs[1].data[i / classes]) == i % classes;
    const double difference = p - (is_label ? 1.0 : 0.0);
    expected.values.push_back(difference * factor);
    expected.bounds.push_back(
        std::abs(factor) * (function_error * p + 4 * unit * std::abs(difference) + 2 * least_normal) + least);
  }
  return {{expected}, {}};
}

}  // namespace

void add_softmax_oracles(Oracles& all) {
  all["softmax"] = softmax;
  all["softmax_backward"] = softmax_backward;
  all["log_softmax"] = log_softmax;
  all["log_softmax_backward"] = log_softmax_backward;
  all["log_softmax+nll"] = cross_entropy;
  all["nll_backward+log_softmax_backward"] = cross_entropy_backward;
}

}  // namespace keel::differential
