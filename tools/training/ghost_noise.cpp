#include "keel/tools/training/ghost_noise.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "keel/ops/arithmetic.hpp"
#include "keel/ops/slice.hpp"

namespace keel::tools {
namespace {

// The mean standard deviation, divided by n, of n normal values of variance 1.
double mean_deviation(std::int64_t size) {
  double ratio = 1.0 / std::sqrt(std::numbers::pi);  // of the gamma function at n / 2 and half of one below
  for (std::int64_t n = 2; n < size; ++n) ratio = 0.5 * static_cast<double>(n - 1) / ratio;
  return std::sqrt(2.0 / static_cast<double>(std::max<std::int64_t>(size, 2))) * ratio;
}

}  // namespace

double ghost_noise_power(std::int64_t size) {
  return 2.0 * (1.0 - mean_deviation(size));
}

GhostNoise::GhostNoise(std::int64_t largest_batch, std::int64_t units, std::int64_t size)
    : size_(size), factor_(Shape{largest_batch, units}), shift_(Shape{largest_batch, units}) {}

void GhostNoise::draw(Rng& rng) {
  const auto units = static_cast<std::size_t>(factor_.shape()[1]);
  const double kept = mean_deviation(size_);
  const double spread = std::sqrt(1.0 - kept * kept);
  std::vector<float> factors(units);
  std::vector<float> shifts(units);
  for (std::int64_t row = 0; row < factor_.shape()[0]; ++row) {
    if (row % size_ == 0) {
      for (auto& factor : factors)
        factor = static_cast<float>(kept + spread * std::sqrt(1.0 / 3.0) * rng.normal());
      for (auto& shift : shifts) shift = static_cast<float>(spread * std::sqrt(2.0 / 3.0) * rng.normal());
    }
    const auto begin = static_cast<std::size_t>(row) * units;
    std::ranges::copy(factors, factor_.data<float>().subspan(begin).begin());
    std::ranges::copy(shifts, shift_.data<float>().subspan(begin).begin());
  }
}

Var GhostNoise::apply(const Var& src) const {
  const auto rows = [&](const Tensor& noise, const char* name) {
    const Var all = src.tape().stored(noise, name);
    return noise.shape()[0] == src.shape()[0] ? all : slice(all, 0, 0, src.shape()[0]);
  };
  return src * rows(factor_, "ghost noise factor") + rows(shift_, "ghost noise shift");
}

}  // namespace keel::tools
