#include "keel/tools/bench_floor.hpp"

#include <dnnl.hpp>

#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/onednn.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/runtime/threads.hpp"

namespace keel::tools {
namespace {

Kernel finish(onednn::Call call, Slot& scratch) {
  return std::move(call).kernel(&scratch);
}

}  // namespace

Floor::Floor(const MlpOptions& network, std::int64_t batch, bool training) : training_(training) {
  std::int64_t parameters = 0;
  std::int64_t inputs = network.inputs;
  Slot* src = &array(batch * inputs);
  auto widths = network.hidden;
  widths.push_back(network.classes);
  for (std::size_t layer = 0; layer < widths.size(); ++layer) {
    const auto width = widths[layer];
    const bool normalized = network.batch_norm && layer + 1 < widths.size();
    parameters += inputs * width + (normalized ? 2 * width : width);
    Slot& weights = array(inputs * width);
    Slot* dst = &array(batch * width);
    add_product(batch, inputs, width, false, true, *src, weights, *dst);
    if (training) {
      Slot& grad = array(batch * width);
      add_product(width, batch, inputs, true, false, grad, *src, array(inputs * width));
      if (layer > 0) add_product(batch, width, inputs, false, false, grad, weights, array(batch * inputs));
    }
    if (normalized) {
      Slot& out = array(batch * width);
      add_norm(batch, width, *dst, out);
      dst = &out;
    }
    src = dst;
    inputs = width;
  }
  if (training) add_sweep(parameters);
}

void Floor::run() const {
  for (const auto& kernel : kernels_) kernel.run();
}

Slot& Floor::array(std::int64_t elements) {
  Tensor tensor{Shape{std::max<std::int64_t>(elements, 1)}};
  Rng rng{static_cast<std::uint64_t>(arrays_.size())};
  for (auto& value : tensor.data<float>()) value = static_cast<float>(rng.uniform(-0.01, 0.01));
  slots_.push_back(std::make_unique<Slot>());
  slots_.back()->point_to(tensor.bytes());
  arrays_.push_back(std::move(tensor));
  return *slots_.back();
}

void Floor::add_product(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool src_transposed,
                        bool weights_transposed, Slot& src, Slot& weights, Slot& dst) {
  const auto src_desc = onednn::matrix(rows, inner, src_transposed);
  const auto weights_desc = onednn::matrix(inner, columns, weights_transposed);
  const auto dst_desc = onednn::matrix(rows, columns);
  auto call = onednn::matmul(src_desc, weights_desc, {}, dst_desc, {});
  call.argument(DNNL_ARG_SRC, src_desc, src)
      .argument(DNNL_ARG_WEIGHTS, weights_desc, weights)
      .argument(DNNL_ARG_DST, dst_desc, dst);
  Slot& scratch = array(static_cast<std::int64_t>(call.scratch_bytes() / sizeof(float)) + 1);
  kernels_.push_back(finish(std::move(call), scratch));
}

void Floor::add_norm(std::int64_t count, std::int64_t features, Slot& src, Slot& dst) {
  const auto data = onednn::batch_of_features(count, features);
  const auto vector = onednn::dense({features});
  const onednn::BatchNormOptions options{.use_given_statistics = !training_, .training = training_};
  Slot& scale = array(features);
  Slot& shift = array(features);
  Slot& mean = array(features);
  Slot& variance = array(features);
  auto forward = onednn::batch_norm_forward(data, options);
  forward.argument(DNNL_ARG_SRC, data, src)
      .argument(DNNL_ARG_SCALE, vector, scale)
      .argument(DNNL_ARG_SHIFT, vector, shift)
      .argument(DNNL_ARG_MEAN, vector, mean)
      .argument(DNNL_ARG_VARIANCE, vector, variance)
      .argument(DNNL_ARG_DST, data, dst);
  Slot& scratch = array(static_cast<std::int64_t>(forward.scratch_bytes() / sizeof(float)) + 1);
  kernels_.push_back(finish(std::move(forward), scratch));
  if (!training_) return;

  auto backward = onednn::batch_norm_backward(data, options);
  backward.argument(DNNL_ARG_SRC, data, src)
      .argument(DNNL_ARG_SCALE, vector, scale)
      .argument(DNNL_ARG_MEAN, vector, mean)
      .argument(DNNL_ARG_VARIANCE, vector, variance)
      .argument(DNNL_ARG_DIFF_DST, data, array(count * features))
      .argument(DNNL_ARG_DIFF_SRC, data, array(count * features))
      .argument(DNNL_ARG_DIFF_SCALE, vector, array(features))
      .argument(DNNL_ARG_DIFF_SHIFT, vector, array(features));
  if (onednn::batch_norm_backward_takes_shift()) backward.argument(DNNL_ARG_SHIFT, vector, shift);
  Slot& backward_scratch = array(static_cast<std::int64_t>(backward.scratch_bytes() / sizeof(float)) + 1);
  kernels_.push_back(finish(std::move(backward), backward_scratch));
}

void Floor::add_sweep(std::int64_t parameters) {
  const SlotView<float> parameter{array(parameters)};
  const SlotView<float> velocity{array(parameters)};
  const SlotView<float> grad{array(parameters)};
  kernels_.push_back({[=] {
                        parallel_for(parameters, 16384, [&](std::int64_t begin, std::int64_t end) {
                          loops::momentum_sweep(parameter.get() + begin, velocity.get() + begin,
                                                grad.get() + begin, end - begin, 0.01F, 0.9F);
                        });
                      },
                      "loop"});
}

}  // namespace keel::tools
