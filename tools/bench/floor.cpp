#include "keel/tools/bench/floor.hpp"

#include <algorithm>
#include <cmath>
#include <dnnl.hpp>

#include "keel/models/initialize.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/onednn.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/runtime/threads.hpp"

namespace keel::tools {
namespace {

// Arrays, and the slots through which primitives find them.
class Memory {
 public:
  // Elements uniform in [low, high].
  Slot& array(std::int64_t elements, double low = 0.0, double high = 0.0) {
    return slot(Tensor{Shape{std::max<std::int64_t>(elements, 1)}}, low, high);
  }

  Slot& slot(const Tensor& tensor, double low = 0.0, double high = 0.0) {
    Rng rng{static_cast<std::uint64_t>(tensors_.size())};
    for (auto& value : tensor.data<float>()) {
      value = static_cast<float>(low == high ? low : rng.uniform(low, high));
    }
    tensors_.push_back(tensor);
    slots_.push_back(std::make_unique<Slot>());
    slots_.back()->point_to(tensor.bytes());
    return *slots_.back();
  }

 private:
  std::vector<Tensor> tensors_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

// One parameter with what belongs to it; each kind lies side by side, as in a step.
struct Trained {
  Slot* value;
  Slot* velocity;
  Slot* grad;
};

std::vector<ValueType> parameter_types(const MlpOptions& network) {
  std::vector<ValueType> types;
  const auto add = [&](Shape shape) { types.push_back({shape, DType::f32}); };
  std::int64_t inputs = network.inputs;
  for (const auto width : network.hidden) {
    add({width, inputs});
    add({width});  // bias, or with batch norm gamma
    if (network.batch_norm) add({width});
    inputs = width;
  }
  add({network.classes, inputs});
  add({network.classes});
  return types;
}

class Builder {
 public:
  Builder(const MlpOptions& network, std::int64_t batch, bool training, Memory& memory)
      : network_(network), batch_(batch), training_(training), memory_(memory) {}

  std::vector<Kernel> build() && {
    const auto types = parameter_types(network_);
    const auto values = allocate_side_by_side(types);
    const auto velocities = allocate_side_by_side(types, PageOffset::quarter);
    const auto grads = allocate_side_by_side(types, PageOffset::half);
    for (std::size_t i = 0; i < types.size(); ++i) {
      // Matrices keep the scale of what they are multiplied with: numbers that vanish are slow on some
      // machines.
      const auto& shape = types[i].shape;
      const double bound = shape.rank() == 2 ? std::sqrt(3.0 / static_cast<double>(shape[1])) : 1.0;
      trained_.push_back({&memory_.slot(values[i], shape.rank() == 2 ? -bound : 1.0, bound),
                          &memory_.slot(velocities[i]), &memory_.slot(grads[i])});
    }
    add_forward();
    if (training_) {
      add_backward();
      const auto& last = values.back();
      add_sweep(last.data<float>().data() + last.shape().elements() - values[0].data<float>().data());
    }
    return std::move(kernels_);
  }

 private:
  // What the backward pass needs of a layer.
  struct Layer {
    std::int64_t inputs;
    std::int64_t width;
    Slot* src;
    Trained weights;
    Slot* product = nullptr;  // with batch norm: what it normalizes
    Trained gamma{};
    Trained beta{};
    Slot* mean = nullptr;
    Slot* variance = nullptr;
  };

  void add_forward() {
    auto next = trained_.begin();
    std::int64_t inputs = network_.inputs;
    Slot* src = &memory_.array(batch_ * inputs, -1.0, 1.0);
    auto widths = network_.hidden;
    widths.push_back(network_.classes);
    for (const auto width : widths) {
      Layer layer{.inputs = inputs, .width = width, .src = src, .weights = *next++};
      src = &memory_.array(batch_ * width);
      add_product(batch_, inputs, width, false, true, *layer.src, *layer.weights.value, *src);
      if (network_.batch_norm && layers_.size() < network_.hidden.size()) {
        layer.product = src;
        layer.gamma = *next++;
        layer.beta = *next++;
        src = &memory_.array(batch_ * width);
        add_norm(layer, *src);
      } else {
        ++next;  // the bias
      }
      layers_.push_back(layer);
      inputs = width;
    }
  }

  void add_backward() {
    Slot* grad = &memory_.array(batch_ * network_.classes, -0.01, 0.01);
    for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
      const auto& [inputs, width] = std::pair{layer->inputs, layer->width};
      if (layer->product != nullptr) grad = &add_norm_backward(*layer, *grad);
      add_product(width, batch_, inputs, true, false, *grad, *layer->src, *layer->weights.grad);
      if (layer + 1 == layers_.rend()) continue;
      Slot& grad_src = memory_.array(batch_ * inputs);
      add_product(batch_, width, inputs, false, false, *grad, *layer->weights.value, grad_src);
      grad = &grad_src;
    }
  }

  void add_product(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool src_transposed,
                   bool weights_transposed, Slot& src, Slot& weights, Slot& dst) {
    const auto src_desc = onednn::matrix(rows, inner, src_transposed);
    const auto weights_desc = onednn::matrix(inner, columns, weights_transposed);
    const auto dst_desc = onednn::matrix(rows, columns);
    auto call = onednn::matmul(src_desc, weights_desc, {}, dst_desc, {});
    call.argument(DNNL_ARG_SRC, src_desc, src)
        .argument(DNNL_ARG_WEIGHTS, weights_desc, weights)
        .argument(DNNL_ARG_DST, dst_desc, dst);
    add(std::move(call));
  }

  void add_norm(Layer& layer, Slot& dst) {
    const auto data = onednn::batch_of_features(batch_, layer.width);
    const auto vector = onednn::dense({layer.width});
    layer.mean = &memory_.array(layer.width);
    layer.variance = &memory_.array(layer.width, 1.0, 1.0);
    auto call = onednn::batch_norm_forward(data, {.use_given_statistics = !training_, .training = training_});
    call.argument(DNNL_ARG_SRC, data, *layer.product)
        .argument(DNNL_ARG_SCALE, vector, *layer.gamma.value)
        .argument(DNNL_ARG_SHIFT, vector, *layer.beta.value)
        .argument(DNNL_ARG_MEAN, vector, *layer.mean)
        .argument(DNNL_ARG_VARIANCE, vector, *layer.variance)
        .argument(DNNL_ARG_DST, data, dst);
    add(std::move(call));
  }

  // Returns the gradient of what the layer normalizes.
  Slot& add_norm_backward(const Layer& layer, Slot& grad) {
    const auto data = onednn::batch_of_features(batch_, layer.width);
    const auto vector = onednn::dense({layer.width});
    Slot& grad_src = memory_.array(batch_ * layer.width);
    auto call = onednn::batch_norm_backward(data, {.training = true});
    call.argument(DNNL_ARG_SRC, data, *layer.product)
        .argument(DNNL_ARG_SCALE, vector, *layer.gamma.value)
        .argument(DNNL_ARG_MEAN, vector, *layer.mean)
        .argument(DNNL_ARG_VARIANCE, vector, *layer.variance)
        .argument(DNNL_ARG_DIFF_DST, data, grad)
        .argument(DNNL_ARG_DIFF_SRC, data, grad_src)
        .argument(DNNL_ARG_DIFF_SCALE, vector, *layer.gamma.grad)
        .argument(DNNL_ARG_DIFF_SHIFT, vector, *layer.beta.grad);
    if (onednn::batch_norm_backward_takes_shift()) {
      call.argument(DNNL_ARG_SHIFT, vector, *layer.beta.value);
    }
    add(std::move(call));
    return grad_src;
  }

  // A rate of nothing: the same arithmetic, and the values stay as they are. Whole cache lines of floats,
  // since every parameter is padded to them.
  void add_sweep(std::int64_t elements) {
    constexpr std::int64_t line = 16;
    kernels_.push_back(
        {[elements, value = SlotView<float>{*trained_[0].value},
          velocity = SlotView<float>{*trained_[0].velocity}, grad = SlotView<float>{*trained_[0].grad}] {
           parallel_for((elements + line - 1) / line, 1024, [&](std::int64_t first, std::int64_t last) {
             const auto begin = first * line;
             loops::momentum_sweep(value.get() + begin, velocity.get() + begin, grad.get() + begin,
                                   last * line - begin, 0.0F, 0.9F);
           });
         },
         "loop"});
  }

  void add(onednn::Call call) {
    Slot& scratch = memory_.array(static_cast<std::int64_t>(call.scratch_bytes() / sizeof(float)) + 1);
    kernels_.push_back(std::move(call).kernel(&scratch));
  }

  const MlpOptions& network_;
  std::int64_t batch_;
  bool training_;
  Memory& memory_;
  std::vector<Trained> trained_;
  std::vector<Layer> layers_;
  std::vector<Kernel> kernels_;
};

}  // namespace

Floor::Floor(const MlpOptions& network, std::int64_t batch, bool training) {
  const auto memory = std::make_shared<Memory>();
  kernels_ = Builder{network, batch, training, *memory}.build();
  memory_ = memory;
}

}  // namespace keel::tools
