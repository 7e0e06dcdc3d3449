#pragma once

#include <cstdint>

#include "keel/runtime/shape.hpp"

namespace keel {

/// Which parameters weight decay touches. By default those of two axes and more, the weights of linear and
/// convolution layers: biases and batch norm's gamma and beta do not make a function more complex by being
/// large.
enum class WeightDecay : std::uint8_t { matrices, everything };

/// `rate` where a parameter of that shape decays, else 0.
inline double weight_decay_of(const Shape& shape, double rate, WeightDecay decay) {
  return decay == WeightDecay::everything || shape.rank() >= 2 ? rate : 0.0;
}

}  // namespace keel
