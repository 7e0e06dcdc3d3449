#include "keel/ops/conv2d_kernels.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "keel/ops/window.hpp"

namespace keel {
namespace {

// Calls `each` with the places in src, weights and dst of every product that the convolution is a sum of.
template <class Each>
void for_each_product(const onednn::Convolution& of, const Each& each) {
  const auto src_size = image_size(of.src);
  const auto dst_size = image_size(of.dst);
  const auto pixels = src_size.height * src_size.width;
  const auto windows = dst_size.height * dst_size.width;
  const auto taps = of.window.kernel.height * of.window.kernel.width;
  const auto channels = of.src[1];
  const auto inputs = of.weights[1];  // of each group
  const auto outputs = of.dst[1];
  for (std::int64_t n = 0; n < of.src[0]; ++n) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      for (std::int64_t i = 0; i < inputs; ++i) {
        for_each_tap(src_size, dst_size, of.window, [&](const Tap& tap) {
          const auto channel = o / (outputs / of.groups) * inputs + i;
          each((n * channels + channel) * pixels + tap.pixel, (o * inputs + i) * taps + tap.kernel,
               (n * outputs + o) * windows + tap.window);
        });
      }
    }
  }
}

}  // namespace

Kernel reference_forward(const onednn::Convolution& of, const Binding& binding) {
  const auto src = binding.input<const double>(0);
  const auto weights = binding.input<const double>(1);
  std::optional<SlotView<const double>> bias;
  if (of.bias) bias = binding.input<const double>(2);
  const auto dst = binding.output<double>(0);
  return {[=] {
            const auto windows = of.dst[2] * of.dst[3];
            for (std::int64_t k = 0; k < of.dst.elements(); ++k)
              dst.get()[k] = bias ? bias->get()[k / windows % of.dst[1]] : 0.0;
            for_each_product(of, [x = src.get(), w = weights.get(), y = dst.get()](
                                     auto in, auto weight, auto out) { y[out] += x[in] * w[weight]; });
          },
          "reference"};
}

Kernel reference_backward_data(const onednn::Convolution& of, const Binding& binding) {
  const auto grad_dst = binding.input<const double>(0);
  const auto weights = binding.input<const double>(1);
  const auto grad_src = binding.output<double>(0);
  return {[=] {
            std::fill_n(grad_src.get(), of.src.elements(), 0.0);
            for_each_product(of, [dx = grad_src.get(), w = weights.get(), dy = grad_dst.get()](
                                     auto in, auto weight, auto out) { dx[in] += dy[out] * w[weight]; });
          },
          "reference"};
}

Kernel reference_backward_weights(const onednn::Convolution& of, const Binding& binding) {
  const auto src = binding.input<const double>(0);
  const auto grad_dst = binding.input<const double>(1);
  const auto grad_weights = binding.output<double>(0);
  std::optional<SlotView<double>> grad_bias;
  if (of.bias) grad_bias = binding.output<double>(1);
  return {[=] {
            std::fill_n(grad_weights.get(), of.weights.elements(), 0.0);
            for_each_product(of, [x = src.get(), dw = grad_weights.get(), dy = grad_dst.get()](
                                     auto in, auto weight, auto out) { dw[weight] += dy[out] * x[in]; });
            if (!grad_bias) return;
            const auto windows = of.dst[2] * of.dst[3];
            std::fill_n(grad_bias->get(), of.dst[1], 0.0);
            for (std::int64_t k = 0; k < of.dst.elements(); ++k)
              grad_bias->get()[k / windows % of.dst[1]] += grad_dst.get()[k];
          },
          "reference"};
}

}  // namespace keel
