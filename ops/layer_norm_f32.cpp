#include "keel/ops/layer_norm_f32.hpp"

#include <algorithm>
#include <cmath>

#include "keel/ops/layer_norm_loops.hpp"
#include "keel/ops/normalization.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

constexpr std::int64_t elements_per_thread = 1 << 14;

std::int64_t rows_of(const Shape& shape) {
  return shape.elements() / shape[shape.rank() - 1];
}

// Rows are dealt out in blocks, each with sums of its own for the gradients of gamma and beta: how many is a
// matter of the shape alone, and so is the order in which they are added.
std::int64_t rows_a_block(std::int64_t rows, std::int64_t features) {
  constexpr std::int64_t most_blocks = 64;
  return std::max((rows + most_blocks - 1) / most_blocks,
                  std::max<std::int64_t>(1, elements_per_thread / features));
}

class Backward {
 public:
  Backward(double epsilon, const Binding& binding)
      : features_(binding.input_type(1).shape[0]),
        rows_(rows_of(binding.input_type(0).shape)),
        block_(rows_a_block(rows_, features_)),
        blocks_((rows_ + block_ - 1) / block_),
        epsilon_(epsilon),
        at_(binding),
        partial_(*binding.scratch(static_cast<std::size_t>(2 * blocks_ * features_) * sizeof(double))) {}

  void run() const {
    parallel_for(blocks_, 1, [this](std::int64_t begin, std::int64_t end) {
      for (auto block = begin; block < end; ++block) run_block(block);
    });
    for (std::int64_t j = 0; j < features_; ++j) {
      double dgamma = 0.0;
      double dbeta = 0.0;
      for (std::int64_t block = 0; block < blocks_; ++block) {
        dgamma += partial(block)[j];
        dbeta += partial(block)[features_ + j];
      }
      at_.grad_gamma.get()[j] = static_cast<float>(dgamma);
      at_.grad_beta.get()[j] = static_cast<float>(dbeta);
    }
  }

 private:
  [[nodiscard]] double* partial(std::int64_t block) const { return partial_.get() + 2 * block * features_; }

  void run_block(std::int64_t block) const {
    double* grad_gamma = partial(block);
    std::fill_n(grad_gamma, 2 * features_, 0.0);
    const auto end = std::min(rows_, (block + 1) * block_);
    for (auto row = block * block_; row < end; ++row) run_row(row, grad_gamma, grad_gamma + features_);
  }

  // As the mean that forward left was rounded, what it was rounded by is found anew.
  void run_row(std::int64_t row, double* grad_gamma, double* grad_beta) const {
    const float* x = at_.src.get() + row * features_;
    const float* dy = at_.grad_dst.get() + row * features_;
    const float mean = at_.mean.get()[row];
    const auto count = static_cast<double>(features_);
    const auto sums = loops::row_gradient_sums(x, mean, at_.gamma.get(), dy, features_);
    const double rest = sums.deviations / count;
    const float left = at_.variance.get()[row];
    const double variance =
        lost_in_f32(left, epsilon_)
            ? loops::sum_of_squared_deviations(x, mean, static_cast<float>(rest), features_) / count
            : static_cast<double>(left);
    const double inverse = 1.0 / std::sqrt(variance + epsilon_);
    const double projected = (sums.products - rest * sums.grads) * inverse / count;
    const loops::RowStatistics statistics{mean, static_cast<float>(rest), static_cast<float>(inverse)};
    loops::layer_norm_row_backward(x, statistics, at_.gamma.get(), dy, static_cast<float>(sums.grads / count),
                                   static_cast<float>(projected * inverse), features_,
                                   at_.grad_src.get() + row * features_, grad_gamma, grad_beta);
  }

  std::int64_t features_;
  std::int64_t rows_;
  std::int64_t block_;
  std::int64_t blocks_;
  double epsilon_;
  NormalizationBackwardSlots<float> at_;
  SlotView<double> partial_;
};

}  // namespace

Kernel layer_norm_forward_f32(double epsilon, const Binding& binding) {
  const auto features = binding.input_type(1).shape[0];
  const auto rows = rows_of(binding.input_type(0).shape);
  return {[features, rows, epsilon, at = NormalizationSlots<float>{binding},
           mean_dst = binding.output<float>(1), variance_dst = binding.output<float>(2)] {
            const auto count = static_cast<double>(features);
            const auto grain = std::max<std::int64_t>(1, elements_per_thread / features);
            parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
              for (auto row = begin; row < end; ++row) {
                const float* x = at.src.get() + row * features;
                const double exact = loops::sum_of(x, features) / count;
                const auto mean = static_cast<float>(exact);
                const auto rest = static_cast<float>(exact - static_cast<double>(mean));
                const double variance = loops::sum_of_squared_deviations(x, mean, rest, features) / count;
                const auto inverse = static_cast<float>(1.0 / std::sqrt(variance + epsilon));
                mean_dst.get()[row] = mean;
                variance_dst.get()[row] = static_cast<float>(variance);
                loops::normalize_row(x, {mean, rest, inverse}, at.gamma.get(), at.beta.get(), features,
                                     at.dst.get() + row * features);
              }
            });
          },
          "loop"};
}

Kernel layer_norm_backward_f32(double epsilon, const Binding& binding) {
  return {[backward = Backward{epsilon, binding}] { backward.run(); }, "loop"};
}

}  // namespace keel
