// Batch norm and layer norm. Values come from keel's f64 loops, which a test holds against long double; the
// bounds follow the rounding errors through the formulas.

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/ops/batch_norm_op.hpp"
#include "keel/runtime/error.hpp"
#include "oracle.hpp"

namespace keel::differential {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The numbers that share a mean and a variance: their places, and those of their gamma and beta.
struct Group {
  std::vector<std::size_t> places;
  std::vector<std::size_t> parameters;
};

std::vector<Group> groups_of_features(const Shape& shape) {
  const auto features = static_cast<std::size_t>(shape[1]);
  std::size_t pixels = 1;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) pixels *= static_cast<std::size_t>(shape[axis]);
  std::vector<Group> groups(features);
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.elements()); ++i) {
    const auto feature = i / pixels % features;
    groups[feature].places.push_back(i);
    groups[feature].parameters.push_back(feature);
  }
  return groups;
}

std::vector<Group> groups_of_rows(const Shape& shape) {
  const auto features = static_cast<std::size_t>(shape[shape.rank() - 1]);
  std::vector<Group> groups(static_cast<std::size_t>(shape.elements()) / features);
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.elements()); ++i) {
    groups[i / features].places.push_back(i);
    groups[i / features].parameters.push_back(i % features);
  }
  return groups;
}

struct Statistics {
  double mean;
  double variance;
  double mean_error;  // in what the differences are taken from, before it is rounded as a result
  double variance_error;
};

// A mean is off by its sum's error times the mean magnitude. Where that magnitude is more than 64 deviations
// (an offset), the sums have to be taken around some number near the mean, so that the deviations count in
// its place: 64 of them at most, since up to there nothing need be done. Around a mean that is off by e the
// squares add up to N (variance + e^2); the variance alone may be taken around a rounded mean.
Statistics moments_of(const std::vector<double>& src, const Group& group) {
  const auto n = static_cast<double>(group.places.size());
  long double mean = 0;
  double magnitude = 0;
  for (const auto i : group.places) {
    mean += src[i];
    magnitude += std::abs(src[i]) / n;
  }
  mean /= n;
  long double squares = 0;
  for (const auto i : group.places) {
    squares += (src[i] - mean) * (src[i] - mean);
  }
  const auto variance = static_cast<double>(squares / n);
  const double sum_off = sum_error;
  const double mean_error = (sum_off + unit) * std::min(magnitude, 64 * std::sqrt(variance)) + least;
  const double rounded = 2 * unit * std::abs(static_cast<double>(mean));
  return {static_cast<double>(mean), variance, mean_error,
          (sum_off + 6 * unit) * variance + mean_error * mean_error + rounded * rounded + 2 * least_normal};
}

// 1 / sqrt(variance + epsilon): epsilon, the sum, the root and the quotient are rounded.
constexpr double inverse_roundings = 4 * unit;

Prediction forward(const NodeRun& run, const std::vector<Group>& groups, const Reference& reference,
                   double epsilon, bool given) {
  const auto& src = run.inputs[0].data;
  Prediction prediction;
  for (const auto& output : reference.outputs) prediction.outputs.push_back(exact(output.data));
  auto& dst = prediction.outputs[0];
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& group = groups[g];
    auto moments =
        given ? Statistics{run.inputs[3].data[g], run.inputs[4].data[g], 0, 0} : moments_of(src, group);
    const double inverse = 1 / std::sqrt(moments.variance + epsilon);
    const double inverse_error =
        moments.variance_error / (2 * (moments.variance + epsilon)) + inverse_roundings;
    for (std::size_t k = 0; k < group.places.size(); ++k) {
      const auto i = group.places[k];
      const double gamma = std::abs(run.inputs[1].data[group.parameters[k]]);
      const double beta = std::abs(run.inputs[2].data[group.parameters[k]]);
      const double xhat = std::abs(src[i] - moments.mean) * inverse;
      dst.bounds[i] = gamma * (inverse * moments.mean_error + xhat * (inverse_error + 2 * unit)) +
                      2 * unit * (gamma * xhat + beta) + least * (2 + std::abs(src[i] - moments.mean));
      const bool overflows = std::abs(src[i] - moments.mean) > largest / 4;  // a difference may
      if (overflows || gamma * xhat > largest) dst.bounds[i] = infinity;
    }
    if (given) continue;
    prediction.outputs[1].bounds[g] = moments.mean_error + unit * std::abs(moments.mean);
    prediction.outputs[2].bounds[g] =
        moments.variance > largest / 64 ? infinity : moments.variance_error + 2 * least_normal;
  }
  return prediction;
}

// With s = sqrt(variance + epsilon), xhat = (x - mean) / s and dxhat = gamma dy:
//   dgamma = sum dy xhat, dbeta = sum dy,
//   dx = (dxhat - mean of dxhat - xhat * mean of dxhat xhat) / s.
// The statistics are inputs here, so that only their use is rounded: xhat six times, each sum by `sum_error`.
Prediction backward(const NodeRun& run, const std::vector<Group>& groups, const Reference& reference,
                    const std::vector<double>& grad, double epsilon, bool given) {
  constexpr double xhat_error = 6 * unit;
  const auto& src = run.inputs[0].data;
  Prediction prediction;
  for (const auto& output : reference.outputs) prediction.outputs.push_back(exact(output.data));
  const auto parameters = run.inputs[1].data.size();
  std::vector<double> gamma_magnitudes(parameters);
  std::vector<double> beta_magnitudes(parameters);
  std::vector<double> gamma_floors(parameters, 2 * least);  // of products that underflow
  std::vector<double> terms_of_gamma(parameters);
  std::vector<std::int64_t> terms(parameters);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& group = groups[g];
    const double mean = run.inputs[3].data[g];
    const double inverse = 1 / std::sqrt(run.inputs[4].data[g] + epsilon);
    const auto n = static_cast<double>(group.places.size());
    double sum = 0;
    double product = 0;
    double sum_magnitude = 0;
    double product_magnitude = 0;
    double peak = 0;           // of the gradients, which a scale is multiplied by that may underflow
    double terms_of_grad = 0;  // which can overflow
    for (std::size_t k = 0; k < group.places.size(); ++k) {
      const auto i = group.places[k];
      const auto parameter = group.parameters[k];
      const double xhat = (src[i] - mean) * inverse;
      const double dxhat = run.inputs[1].data[parameter] * grad[i];
      sum += dxhat;
      product += dxhat * xhat;
      sum_magnitude += std::abs(dxhat);
      product_magnitude += std::abs(dxhat * xhat);
      gamma_magnitudes[parameter] += std::abs(grad[i] * xhat);
      beta_magnitudes[parameter] += std::abs(grad[i]);
      gamma_floors[parameter] += least * (1 + inverse);
      ++terms[parameter];
      peak = std::max(peak, std::abs(grad[i]));
      const bool overflows = std::abs(src[i] - mean) > largest / 4;  // a difference may
      const double term =
          overflows ? infinity : (std::abs(grad[i]) + std::abs(dxhat)) * std::max(1.0, std::abs(xhat));
      terms_of_grad += term;
      terms_of_gamma[parameter] += term;
    }
    const double sum_off = sum_error + unit;
    for (std::size_t k = 0; k < group.places.size(); ++k) {
      const auto i = group.places[k];
      const double xhat = std::abs(src[i] - mean) * inverse;
      const double gamma = std::abs(run.inputs[1].data[group.parameters[k]]);
      const double dxhat = gamma * std::abs(grad[i]);
      double bound = dxhat * (inverse_roundings + 4 * unit);
      if (!given) {
        bound += (std::abs(sum) + xhat * std::abs(product)) / n * (inverse_roundings + xhat_error + 4 * unit);
        bound += (sum_off * sum_magnitude + xhat * (sum_off + xhat_error) * product_magnitude) / n;
      }
      prediction.outputs[0].bounds[i] = inverse * bound + least * (n + 4) * (1 + inverse) * (1 + inverse) *
                                                              (1 + peak) * (1 + std::abs(src[i] - mean)) *
                                                              (1 + gamma);
      if (!(terms_of_grad * std::max(1.0, xhat) < largest / 64)) prediction.outputs[0].bounds[i] = infinity;
    }
  }
  for (std::size_t p = 0; p < parameters; ++p) {
    prediction.outputs[1].bounds[p] = (sum_error + xhat_error) * gamma_magnitudes[p] + gamma_floors[p];
    prediction.outputs[2].bounds[p] = sum_error * beta_magnitudes[p] + 2 * least;
    if (!(terms_of_gamma[p] < largest / 64)) prediction.outputs[1].bounds[p] = infinity;
  }
  return prediction;
}

Prediction batch_norm(const NodeRun& run) {
  auto settings = dynamic_cast<const BatchNormOp&>(*run.op).settings();
  const bool rectified = settings.fused_relu;
  settings.fused_relu = false;
  const auto reference = in_f64(std::make_shared<BatchNormOp>(settings), run.inputs);
  auto prediction = forward(run, groups_of_features(run.inputs[0].type.shape), reference, settings.epsilon,
                            settings.given_statistics);
  if (rectified) {
    for (auto& value : prediction.outputs[0].values) value = value < 0 ? 0.0 : value;
  }
  return prediction;
}

// The mean that a backward node reads was rounded as forward's result; what is right is the derivative at the
// mean itself. A variance may have left the range of f32, and is then that of src.
void restore_statistics(std::vector<Array>& inputs, const std::vector<Group>& groups, double epsilon) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto exact_moments = moments_of(inputs[0].data, groups[g]);
    auto& mean = inputs[3].data[g];
    auto& variance = inputs[4].data[g];
    if (std::abs(exact_moments.mean - mean) <= unit * std::abs(mean) + least) mean = exact_moments.mean;
    const bool vanished = variance < least_normal && epsilon < least_normal;
    if (std::isinf(variance) || vanished) variance = exact_moments.variance;
  }
}

Prediction batch_norm_backward(const NodeRun& run) {
  auto settings = dynamic_cast<const BatchNormBackwardOp&>(*run.op).settings();
  NodeRun plain = run;
  if (settings.fused_relu) {
    const auto& dst = run.inputs[6].data;
    for (std::size_t i = 0; i < dst.size(); ++i) {
      if (!(dst[i] > 0)) plain.inputs[5].data[i] = dst[i] <= 0 ? 0 : dst[i];
    }
    plain.inputs.resize(6);
    settings.fused_relu = false;
  }
  const auto groups = groups_of_features(run.inputs[0].type.shape);
  if (!settings.given_statistics) restore_statistics(plain.inputs, groups, settings.epsilon);
  const auto reference = in_f64(std::make_shared<BatchNormBackwardOp>(settings), plain.inputs);
  return backward(plain, groups, reference, plain.inputs[5].data, settings.epsilon,
                  settings.given_statistics);
}

Array small_array(std::initializer_list<std::int64_t> extents, std::vector<double> data) {
  return {{Shape{extents}, DType::f64}, std::move(data)};
}

// The operators keep their epsilon to themselves, so they are asked: of a row (1, -1) forward gives
// 1 / sqrt(1 + epsilon), and the gradient of gamma under a variance of 0 is 1 / sqrt(epsilon).
double epsilon_of(const NodeRun& run) {
  const auto row = small_array({1, 2}, {1, -1});
  const auto zeros = small_array({2}, {0, 0});
  const auto ones = small_array({2}, {1, 1});
  const auto nothing = small_array({1}, {0});
  if (run.inputs.size() == 3) {
    const double dst = in_f64(run.shared_op, {row, ones, zeros}).outputs[0].data[0];
    return 1 / (dst * dst) - 1;
  }
  const auto grad = small_array({1, 2}, {1, 0});
  const double gamma = in_f64(run.shared_op, {row, ones, zeros, nothing, nothing, grad}).outputs[1].data[0];
  return 1 / (gamma * gamma);
}

Prediction layer_norm(const NodeRun& run) {
  return forward(run, groups_of_rows(run.inputs[0].type.shape), in_f64(run.shared_op, run.inputs),
                 epsilon_of(run), false);
}

Prediction layer_norm_backward(const NodeRun& run) {
  NodeRun plain = run;
  const auto groups = groups_of_rows(run.inputs[0].type.shape);
  restore_statistics(plain.inputs, groups, epsilon_of(run));
  return backward(plain, groups, in_f64(run.shared_op, plain.inputs), run.inputs[5].data, epsilon_of(run),
                  false);
}

}  // namespace

void add_normalization_oracles(Oracles& all) {
  for (const auto* name : {"batch_norm", "batch_norm+relu", "group_norm"}) all[name] = batch_norm;
  for (const auto* name : {"batch_norm_backward", "batch_norm_backward+relu_backward", "group_norm_backward"})
    all[name] = batch_norm_backward;
  all["layer_norm"] = layer_norm;
  all["layer_norm_backward"] = layer_norm_backward;
}

}  // namespace keel::differential
