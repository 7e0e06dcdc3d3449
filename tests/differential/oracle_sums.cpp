// Sums alone, and pooling, which is sums over windows.

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/ops/pooling.hpp"
#include "keel/runtime/error.hpp"
#include "oracle.hpp"

namespace keel::differential {
namespace {

Expected summed(const std::shared_ptr<const Operator>& op, const std::vector<Array>& inputs, double error) {
  auto values = in_f64(op, inputs).outputs[0].data;
  return scaled(std::move(values), error, in_f64(op, absolute(inputs)).outputs[0].data);
}

// A mean's quotient is rounded besides.
Prediction reduction(const NodeRun& run) {
  return {{summed(run.shared_op, run.inputs, sum_error + unit)}, {}};
}

// The mean of one number a row; long double, since a loss is small beside large probabilities.
Prediction nll(const NodeRun& run) {
  const auto& shape = run.inputs[0].type.shape;
  const auto rows = static_cast<std::size_t>(shape[0]);
  const auto classes = static_cast<std::size_t>(shape[1]);
  long double loss = 0;
  long double magnitude = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto label = static_cast<std::size_t>(run.inputs[1].data[i]);
    const long double value = run.inputs[0].data[i * classes + label];
    loss -= value / static_cast<long double>(rows);
    magnitude += std::abs(value) / static_cast<long double>(rows);
  }
  return {{scaled({static_cast<double>(loss)}, sum_error + unit, {static_cast<double>(magnitude)})}, {}};
}

Prediction nll_backward(const NodeRun& run) {
  return {{relative(in_f64(run.shared_op, run.inputs).outputs[0].data, 3 * unit)}, {}};
}

// grad_src exactly, and its sum over the rows.
Prediction relu_backward_bias(const NodeRun& run) {
  const auto& shape = run.inputs[0].type.shape;
  const auto columns = static_cast<std::size_t>(shape[1]);
  std::vector<double> grad;
  std::vector<double> sums(columns);
  std::vector<double> magnitudes(columns);
  for (std::size_t i = 0; i < run.inputs[0].data.size(); ++i) {
    const double dst = run.inputs[1].data[i];
    grad.push_back(dst > 0 ? run.inputs[0].data[i] : dst <= 0 ? 0.0 : dst);
    sums[i % columns] += grad[i];
    magnitudes[i % columns] += std::abs(grad[i]);
  }
  return {{exact(grad), scaled(sums, sum_error, magnitudes)}, {}};
}

// No window has more pixels than its image; the generators' have 64 at most.
double window_error(const Shape& image) {
  return product_sum_error(std::min<std::int64_t>(image[2] * image[3], 64));
}

// The places of the maxima are in the order in which the image lies, and are checked by the gradient alone.
Prediction max_pool2d(const NodeRun& run) {
  return {{exact(in_f64(run.shared_op, run.inputs).outputs[0].data), {}}, {}};
}

// A window's sum may overflow where its mean does not.
Prediction average_pool2d(const NodeRun& run) {
  auto expected = summed(run.shared_op, run.inputs, window_error(run.inputs[0].type.shape));
  const auto magnitudes = in_f64(run.shared_op, absolute(run.inputs)).outputs[0].data;
  for (std::size_t i = 0; i < magnitudes.size(); ++i)
    if (magnitudes[i] > largest / 64) expected.bounds[i] = std::numeric_limits<double>::infinity();
  return {{expected}, {}};
}

Prediction average_pool2d_backward(const NodeRun& run) {
  return {{summed(run.shared_op, run.inputs, window_error(run.outputs[0].type.shape))}, {}};
}

// Sums in double.
Prediction adaptive_average_pool2d(const NodeRun& run) {
  return {{summed(run.shared_op, run.inputs, sum_error)}, {}};
}

// Where the maxima are is found in f64 from what the forward node read.
Prediction max_pool2d_backward(const NodeRun& run) {
  for (const auto& node : run.compiled->nodes) {
    if (node.op->name() != "max_pool2d" || node.outputs[1] != run.node->inputs[1]) continue;
    const auto places = in_f64(node.op, {run.values->at(node.inputs[0])}).outputs[1];
    return {{summed(run.shared_op, {run.inputs[0], places}, window_error(run.outputs[0].type.shape))}, {}};
  }
  throw Error{"the forward node of a max_pool2d_backward was not found"};
}

}  // namespace

void add_sum_oracles(Oracles& all) {
  for (const auto* name : {"sum", "mean", "sum_to"}) all[name] = reduction;
  all["nll"] = nll;
  all["nll_backward"] = nll_backward;
  all["relu_backward+sum_to"] = relu_backward_bias;
}

void add_pooling_oracles(Oracles& all) {
  all["max_pool2d"] = max_pool2d;
  all["max_pool2d_backward"] = max_pool2d_backward;
  all["average_pool2d"] = average_pool2d;
  for (const auto* name : {"adaptive_average_pool2d", "adaptive_average_pool2d_backward"})
    all[name] = adaptive_average_pool2d;
  all["average_pool2d_backward"] = average_pool2d_backward;
}

}  // namespace keel::differential
