#pragma once

#include <span>
#include <vector>

#include "keel/models/compiled_function.hpp"
#include "keel/models/parameter.hpp"
#include "keel/tools/training/network.hpp"

namespace keel::tools {

/// The loss of a network on a batch as a function of its weights, which are taken as one vector, in the order
/// of `parameters`. As in training, by the batch's statistics unless these are frozen; looking at it leaves
/// the network as it was.
class LossSurface {
 public:
  enum class Of : std::uint8_t {
    all,       ///< that is trained and not frozen, as `Hessian` has it
    matrices,  ///< the weights of layers alone, not biases, gamma and beta
  };

  /// The network must have been initialized, and stay where it is.
  explicit LossSurface(Network& network, Of of = Of::all);

  struct Place {
    double loss;
    std::vector<double> gradient;
  };
  /// At the network's present weights, on images (N, pixels) and labels (N).
  Place look(const Tensor& images, const Tensor& labels);

  [[nodiscard]] std::vector<double> weights() const;
  /// Gives the network other weights, which are rounded to its own precision. Throws Error when there are not
  /// as many.
  void set_weights(std::span<const double> weights) const;

 private:
  std::vector<NamedParameter> parameters_;  // all of the network
  std::vector<NamedParameter> moved_;
  CompiledFunction function_;
};

/// The Euclidean norm, and that of the difference.
double length(std::span<const double> vector);
double distance(std::span<const double> from, std::span<const double> to);

/// `from` + `factor` * `direction`.
std::vector<double> moved(std::span<const double> from, double factor, std::span<const double> direction);

}  // namespace keel::tools
