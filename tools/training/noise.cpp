#include "keel/tools/training/noise.hpp"

#include "keel/ops/arithmetic.hpp"
#include "keel/ops/slice.hpp"

namespace keel::tools {
namespace {

// The paper's values: a unit's shift has a mean of up to 0.5 either way, its factor one between 1 and 1.25,
// and single samples lie up to 0.1 around these.
constexpr double most_shift = 0.5;
constexpr double most_factor_above_1 = 0.25;
constexpr double sample_spread = 0.1;

void draw_around(std::span<float> row, std::span<const double> means, double spread, Rng& rng) {
  for (std::size_t unit = 0; unit < row.size(); ++unit)
    row[unit] = static_cast<float>(means[unit] + rng.uniform(-spread, spread));
}

}  // namespace

LayerNoise::LayerNoise(std::int64_t largest_batch, std::int64_t units, double strength)
    : strength_(strength), factor_(Shape{largest_batch, units}), shift_(Shape{largest_batch, units}) {}

void LayerNoise::draw(Rng& rng) {
  const auto units = static_cast<std::size_t>(factor_.shape()[1]);
  std::vector<double> factors(units);
  std::vector<double> shifts(units);
  for (auto& factor : factors) factor = rng.uniform(1.0, 1.0 + strength_ * most_factor_above_1);
  for (auto& shift : shifts) shift = strength_ * rng.uniform(-most_shift, most_shift);
  for (std::int64_t i = 0; i < factor_.shape()[0]; ++i) {
    const auto begin = static_cast<std::size_t>(i) * units;
    draw_around(factor_.data<float>().subspan(begin, units), factors, strength_ * sample_spread, rng);
    draw_around(shift_.data<float>().subspan(begin, units), shifts, strength_ * sample_spread, rng);
  }
}

Var LayerNoise::apply(const Var& src) const {
  Tape& tape = src.tape();
  const auto rows = [&](const Tensor& noise, const char* name) {
    const Var all = tape.stored(noise, name);
    return noise.shape()[0] == src.shape()[0] ? all : slice(all, 0, 0, src.shape()[0]);
  };
  return src * rows(factor_, "noise factor") + rows(shift_, "noise shift");
}

}  // namespace keel::tools
