#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "keel/models/parameter.hpp"

namespace keel::tools {

/// The running statistics of a network's batch norms under momenta that its layers do not have. What the
/// layers keep changes nothing in training, so that one training tells of every momentum: the statistics of
/// each batch are taken from what it changed in the layers' own averages.
class MovingStatistics {
 public:
  /// `parameters` are the network's, in f32 and with their values of before the first step, from which the
  /// averages start, too; `layers_momentum` is that of its batch norms.
  MovingStatistics(std::span<const NamedParameter> parameters, double layers_momentum,
                   std::span<const double> momenta);

  /// To be called once after every step.
  void take_in();

  /// Puts the averages with the `index`-th momentum into the layers: use StatisticsGuard to have the layers'
  /// own back.
  void put(std::size_t index) const;
  /// The same without what the averages began with. Throws Error before the first step.
  void put_corrected(std::size_t index) const;

 private:
  // One number that a batch norm keeps.
  struct Statistic {
    float* place;
    bool is_variance;
    double initial;
    double before;                // in the layer, after the last step
    std::vector<double> average;  // by momentum
  };

  double layers_momentum_;
  std::vector<double> momenta_;
  std::vector<Statistic> statistics_;
  std::int64_t updates_ = 0;
};

}  // namespace keel::tools
