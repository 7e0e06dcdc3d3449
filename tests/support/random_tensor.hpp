#pragma once

#include <algorithm>
#include <cstdint>

#include "keel/runtime/rng.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel::test {

/// Normal random numbers times `scale` plus `offset`, f32 or f64, the same for the same seed.
inline Tensor random_tensor(const Shape& shape, DType dtype = DType::f64, std::uint64_t seed = 1,
                            double scale = 1.0, double offset = 0.0) {
  Tensor tensor{shape, dtype};
  Rng rng{seed};
  const auto next = [&] { return offset + scale * rng.normal(); };
  if (dtype == DType::f64) std::ranges::generate(tensor.data<double>(), next);
  if (dtype == DType::f32)
    std::ranges::generate(tensor.data<float>(), [&] { return static_cast<float>(next()); });
  return tensor;
}

/// The same in f32: a copy in f64 holds the very same numbers.
inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, double scale = 1.0, double offset = 0.0) {
  return random_tensor(shape, DType::f32, seed, scale, offset);
}

}  // namespace keel::test
