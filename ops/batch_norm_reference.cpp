#include "keel/ops/batch_norm_reference.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>

#include "keel/ops/axes.hpp"
#include "keel/ops/normalization.hpp"
#include "keel/ops/rank_sums.hpp"

namespace keel {
namespace {

// A feature's values: `pixels` in a row, of each sample; a row-major (N, C) array has images of one pixel.
struct Sizes {
  std::int64_t samples;
  std::int64_t features;
  std::int64_t pixels;

  [[nodiscard]] std::int64_t count() const { return samples * pixels; }
};

Sizes sizes_of(const Shape& shape) {
  return {shape[0], shape[1], elements_between(shape, 2, shape.rank())};
}

// Calls `each` with the place of every value of feature `c`.
template <class Each>
void for_each_value(const Sizes& sizes, std::int64_t c, const Each& each) {
  for (std::int64_t n = 0; n < sizes.samples; ++n) {
    const auto first = (n * sizes.features + c) * sizes.pixels;
    for (std::int64_t i = first; i < first + sizes.pixels; ++i) each(i);
  }
}

// Two passes: E[x^2] - E[x]^2 would cancel where the mean is large. Returns how many values a feature has.
double reference_statistics(const Communicator& ranks, const Sizes& sizes, const double* src,
                            std::span<double> mean, std::span<double> variance) {
  for (std::int64_t c = 0; c < sizes.features; ++c) {
    double sum = 0.0;
    for_each_value(sizes, c, [&](auto i) { sum += src[i]; });
    mean[static_cast<std::size_t>(c)] = sum;
  }
  const double count = over_ranks(ranks, static_cast<double>(sizes.count()), mean);
  for (auto& sum : mean) sum /= count;
  for (std::int64_t c = 0; c < sizes.features; ++c) {
    double squares = 0.0;
    for_each_value(sizes, c,
                   [&](auto i) { squares += std::pow(src[i] - mean[static_cast<std::size_t>(c)], 2); });
    variance[static_cast<std::size_t>(c)] = squares;
  }
  over_ranks(ranks, 0.0, variance);
  for (auto& squares : variance) squares /= count;
  return count;
}

}  // namespace

Kernel batch_norm_forward_reference(const BatchNormSettings& settings, const Binding& binding) {
  const auto mean = settings.given_statistics ? binding.input<double>(3) : binding.output<double>(1);
  const auto variance = settings.given_statistics ? binding.input<double>(4) : binding.output<double>(2);
  const auto features = static_cast<std::size_t>(binding.input_type(1).shape.elements());
  const auto count_slot = settings.ranks.size() > 1 ? std::optional{binding.output<double>(3)} : std::nullopt;
  return {[=, at = NormalizationSlots<double>{binding}, sizes = sizes_of(binding.input_type(0).shape)] {
            if (!settings.given_statistics) {
              const double count =
                  reference_statistics(settings.ranks, sizes, at.src.get(), std::span{mean.get(), features},
                                       std::span{variance.get(), features});
              if (count_slot) require_several(*count_slot->get() = count);
            }
            for (std::int64_t c = 0; c < sizes.features; ++c) {
              const double scale = at.gamma.get()[c] / std::sqrt(variance.get()[c] + settings.epsilon);
              for_each_value(sizes, c, [&](auto i) {
                at.dst.get()[i] = scale * (at.src.get()[i] - mean.get()[c]) + at.beta.get()[c];
              });
            }
          },
          "reference"};
}

// With xhat = (x - mean) / s and s = sqrt(variance + epsilon), per feature and over its N values,
//
//   dbeta = sum dy,   dgamma = sum dy xhat.
//
// x reaches the loss through xhat directly, through the mean (d mean / dx = 1/N) and through the variance
// (d variance / dx_i = 2 (x_i - mean) / N). With dxhat = gamma dy:
//
//   d variance = sum dxhat (x - mean) * (-1/2) s^-3 = -(gamma / 2 s^2) dgamma
//   d mean     = -(1/s) sum dxhat = -(gamma / s) dbeta, as what comes by the variance, sum (x - mean), is 0
//   dx_i       = dxhat_i / s + 2 (x_i - mean) / N d variance + d mean / N
//              = (gamma / s) (dy_i - dbeta / N - xhat_i dgamma / N).
//
// With given statistics only the first term is left: dx = (gamma / s) dy. Where the statistics are those of several
// ranks, N and the sums of the last line are over all of them; gamma and beta get each rank's own part.
Kernel batch_norm_backward_reference(const BatchNormSettings& settings, const Binding& binding) {
  const auto features = static_cast<std::size_t>(binding.input_type(1).shape.elements());
  const SlotView<double> scratch{*binding.scratch((3 * features + 1) * sizeof(double))};
  return {
      [=, at = NormalizationBackwardSlots<double>{binding}, sizes = sizes_of(binding.input_type(0).shape)] {
        const std::span inverse{scratch.get(), features};
        const std::span sum_dgamma{scratch.get() + features, features};
        const std::span sum_dbeta{scratch.get() + 2 * features, features};
        const auto xhat = [&](std::int64_t i, std::size_t c) {
          return (at.src.get()[i] - at.mean.get()[c]) * inverse[c];
        };
        for (std::size_t c = 0; c < features; ++c) {
          inverse[c] = 1.0 / std::sqrt(at.variance.get()[c] + settings.epsilon);
          double dgamma = 0.0;
          double dbeta = 0.0;
          for_each_value(sizes, static_cast<std::int64_t>(c), [&](auto i) {
            dgamma += at.grad_dst.get()[i] * xhat(i, c);
            dbeta += at.grad_dst.get()[i];
          });
          at.grad_gamma.get()[c] = sum_dgamma[c] = dgamma;
          at.grad_beta.get()[c] = sum_dbeta[c] = dbeta;
        }
        const double count =
            over_ranks(settings.ranks, static_cast<double>(sizes.count()), std::array{sum_dgamma, sum_dbeta});
        for (std::size_t c = 0; c < features; ++c) {
          for_each_value(sizes, static_cast<std::int64_t>(c), [&](auto i) {
            const double through_statistics =
                settings.given_statistics ? 0.0 : (sum_dbeta[c] + xhat(i, c) * sum_dgamma[c]) / count;
            at.grad_src.get()[i] =
                at.gamma.get()[c] * inverse[c] * (at.grad_dst.get()[i] - through_statistics);
          });
        }
      },
      "reference"};
}

}  // namespace keel
