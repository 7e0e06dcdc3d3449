#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "keel/ops/channel_tiles.hpp"
#include "keel/ops/conv2d_kernels.hpp"
#include "keel/ops/conv2d_parts.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/partial_sums.hpp"
#include "keel/ops/product.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {

Kernel in_sequence(const Kernel& first, const Kernel& second, const std::string& implementation) {
  return {[first = first.run, second = second.run] {
            first();
            second();
          },
          implementation};
}

Kernel reorder_kernel(const onednn::Desc& from, Slot& src, const onednn::Desc& to, Slot& dst,
                      const Binding& binding) {
  auto call = onednn::reorder(from, to);
  call.argument(DNNL_ARG_FROM, from, src);
  call.argument(DNNL_ARG_TO, to, dst);
  return finish(std::move(call), binding);
}

namespace {

using onednn::Convolution;

constexpr auto channels_last = MemoryFormat::channels_last;

// Where a kernel finds and leaves its arrays; `grad_bias` is null where there is no bias.
struct Arrays {
  Slot& src;
  Slot& grad_dst;
  Slot& grad_weights;
  Slot* grad_bias;
};

// The gradient by oneDNN, which leaves it in a format of its own choice.
Kernel whole_gradient(const Convolution& of, const Arrays& arrays, const Binding& binding) {
  auto [call, left] = onednn::convolution_backward_weights(of);
  call.argument(DNNL_ARG_SRC, onednn::image(of.src, channels_last), arrays.src);
  call.argument(DNNL_ARG_DIFF_DST, onednn::image(of.dst, channels_last), arrays.grad_dst);
  if (of.bias) call.argument(DNNL_ARG_DIFF_BIAS, onednn::dense({of.weights[0]}), *arrays.grad_bias);
  const auto row_major_weights = of.row_major_weights();
  if (left == row_major_weights) {
    call.argument(DNNL_ARG_DIFF_WEIGHTS, left, arrays.grad_weights);
    return finish(std::move(call), binding);
  }
  Slot& gradient = *binding.scratch(left.get_size());
  call.argument(DNNL_ARG_DIFF_WEIGHTS, left, gradient);
  const auto kernel = finish(std::move(call), binding);
  const auto reorder = reorder_kernel(left, gradient, row_major_weights, arrays.grad_weights, binding);
  return in_sequence(kernel, reorder, kernel.implementation);
}

// Kernels of one pixel without padding.

bool is_pointwise(const Convolution& of) {
  return of.window.kernel == Size2d{1} && of.window.padding == Size2d{0} && of.groups == 1;
}

// dst = the pixels of src, both with their channels last, that the kernel stands on.
void gather_pixels(const Convolution& of, const float* src, float* dst) {
  const auto channels = of.src[1];
  const auto from = image_size(of.src);
  const auto to = image_size(of.dst);
  const auto grain = std::max<std::int64_t>(1, 8192 / (to.width * channels));
  parallel_for(of.dst[0] * to.height, grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) {
      const auto from_row = row / to.height * from.height + row % to.height * of.window.stride.height;
      const auto* pixel = src + from_row * from.width * channels;
      auto* copy = dst + row * to.width * channels;
      for (std::int64_t column = 0; column < to.width; ++column) {
        std::copy_n(pixel, channels, copy);
        pixel += of.window.stride.width * channels;
        copy += channels;
      }
    }
  });
}

// grad_bias = the sum of grad_dst over all positions, in double.
std::function<void()> bias_gradient(const Convolution& of, const Arrays& arrays, const Binding& binding) {
  const auto tiles = std::make_shared<ChannelTiles>(of.dst, channels_last);
  return [tiles, scratch = SlotView<double>{*binding.scratch(tiles->sum_scratch())},
          grad_dst = SlotView<const float>{arrays.grad_dst}, grad_bias = SlotView<float>{*arrays.grad_bias}] {
    tiles->sum(grad_dst.get(), 1.0, scratch.get(), grad_bias.get());
  };
}

// grad_weights (O, I) is the product of grad_dst (positions, O), transposed, and src (positions, I). Where the
// kernel skips pixels, those that it stands on are gathered first. That is also what oneDNN's kernels would do,
// but of few channels they write more than they have room for, up to version 3.7 at least.
Kernel pointwise_gradient(const Convolution& of, const Arrays& arrays, const Binding& binding) {
  const auto [inputs, outputs] = std::pair{of.src[1], of.dst[1]};
  const auto positions = of.dst.elements() / outputs;
  const bool gathers = of.window.stride != Size2d{1};
  const auto of_channels = [&](std::int64_t count, std::size_t bytes) {
    return static_cast<std::size_t>(count) * bytes;
  };
  Slot* pixels = gathers ? binding.scratch(of_channels(positions * inputs, sizeof(float))) : &arrays.src;
  const auto product = onednn_product(
      {.rows = outputs, .inner = positions, .columns = inputs, .transposes = {.src = true, .weights = false}},
      {arrays.grad_dst, *pixels, nullptr, arrays.grad_weights}, binding);
  const auto sum_bias = of.bias ? bias_gradient(of, arrays, binding) : std::function<void()>{[] {}};
  return {[of, gathers, sum_bias, src = SlotView<const float>{arrays.src}, pixels = SlotView<float>{*pixels},
           multiply = product.run] {
            if (gathers) gather_pixels(of, src.get(), pixels.get());
            multiply();
            sum_bias();
          },
          product.implementation};
}

// Other kernels, of many positions in parts.

// The kernel of all parts of one size, wherever its slots point to.
struct PartKernel {
  std::unique_ptr<Slot> src = std::make_unique<Slot>();
  std::unique_ptr<Slot> grad_dst = std::make_unique<Slot>();
  Kernel kernel;
};

// A part, and which of the kernels is its own.
struct Step {
  std::int64_t src_offset;
  std::int64_t dst_offset;
  std::size_t kernel;
};

// What a thread needs to run parts by itself: kernels of one thread, and where they leave a part's gradients.
struct Worker {
  std::vector<PartKernel> kernels;
  Slot* weights_part;
  Slot* bias_part;
  std::exception_ptr failure = {};
};

// The kernels of a worker, with scratch memory of their own, since others run at the same time. Adds to `steps`
// which part is run by which of them.
Worker bind_worker(const Convolution& whole, std::span<const Conv2dPart> parts, const Binding& binding,
                   std::vector<Step>& steps) {
  const ThreadLimit one_thread{1};
  const auto floats = [&](std::int64_t count) {
    return binding.scratch(static_cast<std::size_t>(count) * sizeof(float));
  };
  Worker worker{.weights_part = floats(whole.weights.elements()),
                .bias_part = whole.bias ? floats(whole.weights[0]) : nullptr};
  steps.clear();
  std::map<std::array<std::int64_t, 5>, std::size_t> known;
  for (const auto& part : parts) {
    const auto& of = part.convolution;
    const auto behind = of.padding_behind ? of.padding_behind->height : -1;
    const std::array size{of.src[0], of.src[2], of.dst[2], of.window.padding.height, behind};
    const auto [found, is_new] = known.try_emplace(size, worker.kernels.size());
    if (is_new) {
      auto& kernel = worker.kernels.emplace_back();
      kernel.kernel = whole_gradient(
          of, {*kernel.src, *kernel.grad_dst, *worker.weights_part, worker.bias_part}, binding);
    }
    steps.push_back({part.src_offset, part.dst_offset, found->second});
  }
  return worker;
}

template <class T>
T* array_of(const Slot* slot) {
  return static_cast<T*>(slot->data());
}

// The sum of the gradients of all parts. A fixed number of groups of neighbouring parts are each summed up in
// memory of their own, and these sums in order, so that it doesn't matter which thread takes which of them.
class GradientInParts {
 public:
  GradientInParts(const Convolution& of, std::span<const Conv2dPart> parts, const Arrays& arrays,
                  const Binding& binding)
      : arrays_(arrays), weights_(of.weights.elements()), outputs_(of.bias ? of.weights[0] : 0) {
    const auto count = std::ssize(parts);
    // Of many weights the sums would be more than a cache holds.
    groups_ = std::min<std::int64_t>(count, weights_ > 1 << 17 ? 2 : 8);
    sums_ = binding.scratch(static_cast<std::size_t>(groups_ * (weights_ + outputs_)) * sizeof(double));
    const auto workers = std::min<std::int64_t>(groups_, ThreadLimit::current());
    while (std::ssize(workers_) < workers) workers_.push_back(bind_worker(of, parts, binding, steps_));
  }

  [[nodiscard]] std::string implementation() const {
    return workers_[0].kernels[0].kernel.implementation + " in parts";
  }

  void run() {
    const auto workers = std::ssize(workers_);
    parallel_for(workers, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        auto& worker = workers_[static_cast<std::size_t>(i)];
        try {
          for (auto group = groups_ * i / workers; group < groups_ * (i + 1) / workers; ++group)
            sum_group(worker, group);
        } catch (...) {
          worker.failure = std::current_exception();
        }
      }
    });
    for (auto& worker : workers_)
      if (worker.failure) std::rethrow_exception(std::exchange(worker.failure, nullptr));
    add_groups(0, weights_, array_of<float>(&arrays_.grad_weights));
    if (outputs_ > 0) add_groups(weights_, outputs_, array_of<float>(arrays_.grad_bias));
  }

 private:
  [[nodiscard]] double* sums_of(std::int64_t group) const {
    return array_of<double>(sums_) + group * (weights_ + outputs_);
  }

  void sum_group(const Worker& worker, std::int64_t group) const {
    const auto first = std::ssize(steps_) * group / groups_;
    const auto end = std::ssize(steps_) * (group + 1) / groups_;
    for (auto i = first; i < end; ++i) {
      const auto& step = steps_[static_cast<std::size_t>(i)];
      const auto& part = worker.kernels[step.kernel];
      part.src->point_to(array_of<float>(&arrays_.src) + step.src_offset);
      part.grad_dst->point_to(array_of<float>(&arrays_.grad_dst) + step.dst_offset);
      part.kernel.run();
      add_part(array_of<float>(worker.weights_part), sums_of(group), weights_, i == first);
      if (outputs_ > 0)
        add_part(array_of<float>(worker.bias_part), sums_of(group) + weights_, outputs_, i == first);
    }
  }

  // dst = the sum of `count` values from `offset` on over all groups.
  void add_groups(std::int64_t offset, std::int64_t count, float* dst) const {
    parallel_for(count, 1 << 13, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        double sum = 0.0;
        for (std::int64_t group = 0; group < groups_; ++group) sum += sums_of(group)[offset + i];
        dst[i] = static_cast<float>(sum);
      }
    });
  }

  Arrays arrays_;
  std::int64_t weights_;
  std::int64_t outputs_;  // 0 without a bias
  std::int64_t groups_;
  Slot* sums_;  // of each group: the weights, then the bias
  std::vector<Worker> workers_;
  std::vector<Step> steps_;
};

}  // namespace

Kernel onednn_backward_weights(const Convolution& of, const Binding& binding) {
  const Arrays arrays{binding.input_slot(0), binding.input_slot(1), binding.output_slot(0),
                      of.bias ? &binding.output_slot(1) : nullptr};
  if (is_pointwise(of)) return pointwise_gradient(of, arrays, binding);
  const auto parts = conv2d_parts(of);
  if (parts.size() == 1) return whole_gradient(of, arrays, binding);
  const auto in_parts = std::make_shared<GradientInParts>(of, parts, arrays, binding);
  return {[in_parts] { in_parts->run(); }, in_parts->implementation()};
}

}  // namespace keel
