#include "keel/tools/training/sharpness.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "keel/models/freeze.hpp"
#include "keel/models/hessian.hpp"
#include "keel/models/population_statistics.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/tools/training/loss_surface.hpp"

namespace keel::tools {
namespace {

// Along a direction of negative curvature no step overshoots: of the eigenvalues that are largest by magnitude, the most
// positive. Where all of them are negative there is no edge to speak of.
double most_positive(Hessian& hessian, const LanczosOptions& lanczos) {
  constexpr std::size_t looked_at = 4;
  double result = 0.0;
  for (const double value : hessian.largest_eigenvalues(looked_at, lanczos)) result = std::max(result, value);
  return result;
}

}  // namespace

Spectrum spectrum(Network& network, const Tensor& images, const Tensor& labels, std::size_t count,
                  const LanczosOptions& options) {
  LossSurface surface{network};
  const auto [loss, gradient] = surface.look(images, labels);
  Hessian hessian{network, cross_entropy, {images}, {labels}};
  Spectrum result{.loss = loss};
  double share = 0.0;
  for (const auto& [value, vector] : hessian.largest_eigenpairs(count, options)) {
    result.eigenvalues.push_back(value);
    double product = 0.0;
    for (std::size_t i = 0; i < vector.size(); ++i) product += vector[i] * gradient[i];
    share += product * product;
  }
  const double squared = length(gradient) * length(gradient);
  result.gradient_share = squared > 0.0 ? share / squared : std::nan("");
  return result;
}

void freeze_population_statistics(Network& network, const Tensor& images) {
  population_statistics(network, std::array{images});
  freeze_statistics(network);
}

std::vector<DescentLook> descend(Network& network, const Tensor& images, const Tensor& labels,
                                 const DescentOptions& options, const LanczosOptions& lanczos) {
  Sgd sgd{{.learning_rate = options.learning_rate}};
  TrainingStep step{network, sgd, cross_entropy};
  Hessian hessian{network, cross_entropy, {images}, {labels}};
  LossSurface surface{network};
  std::vector<DescentLook> looks;
  for (int number = 0; number <= options.steps; ++number) {
    try {
      if (number % options.between_looks == 0) {
        const double loss = surface.look(images, labels).loss;
        looks.push_back({.step = number, .loss = loss, .sharpness = most_positive(hessian, lanczos)});
      }
      if (number < options.steps && !std::isfinite(step(images, labels))) break;
    } catch (const NonFiniteError&) {
      break;
    }
  }
  return looks;
}

}  // namespace keel::tools
