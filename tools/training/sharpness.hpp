#pragma once

#include <cstdint>
#include <vector>

#include "keel/models/lanczos.hpp"
#include "keel/tools/training/network.hpp"

namespace keel::tools {

/// The largest eigenvalues of the Hessian of a network's cross-entropy on one batch.
struct Spectrum {
  double loss = 0.0;
  std::vector<double> eigenvalues;  ///< the largest by magnitude, largest first
  double gradient_share = 0.0;      ///< of the squared gradient, in the space of their vectors
};

/// On images (N, pixels) and labels (N), all in the precision of the network, by its trained numbers: with
/// the batch's statistics as functions of the weights, or, where the network's statistics are frozen, with
/// these as constants. Leaves the network as it was.
Spectrum spectrum(Network& network, const Tensor& images, const Tensor& labels, std::size_t count,
                  const LanczosOptions& options);

/// Gives the network's batch norms the statistics of these images under its present weights, and freezes
/// them.
void freeze_population_statistics(Network& network, const Tensor& images);

/// Gradient descent on one batch of all images.
struct DescentOptions {
  double learning_rate = 0.1;
  int steps = 300;
  int between_looks = 20;
};
struct DescentLook {
  int step = 0;
  double loss = 0.0;
  double sharpness = 0.0;  ///< the largest eigenvalue; negative ones do not count, whatever their magnitude
};
/// What training sees of its own loss, from before the first step on; it ends early where the loss is no
/// longer finite.
std::vector<DescentLook> descend(Network& network, const Tensor& images, const Tensor& labels,
                                 const DescentOptions& options, const LanczosOptions& lanczos);

}  // namespace keel::tools
