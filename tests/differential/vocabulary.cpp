#include "vocabulary.hpp"

#include "keel/ops/adaptive_pooling.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/conv_transpose2d.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/dropout.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/group_norm.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/mse.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/rms_norm.hpp"
#include "keel/ops/running_statistics.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/ops/transpose.hpp"

namespace keel::differential {
namespace {

using Context = const StepContext&;

void add_elementwise(Words& words) {
  words["relu"] = [](Context c) { return relu(c.operands[0]); };
  words["negate"] = [](Context c) { return negate(c.operands[0]); };
  words["exp"] = [](Context c) { return exp(c.operands[0]); };
  words["log"] = [](Context c) { return log(c.operands[0]); };
  words["sqrt"] = [](Context c) { return sqrt(c.operands[0]); };
  words["square"] = [](Context c) { return square(c.operands[0]); };
  words["leaky_relu"] = [](Context c) { return leaky_relu(c.operands[0], c.option(0, 0.01)); };
  words["sigmoid"] = [](Context c) { return sigmoid(c.operands[0]); };
  words["tanh"] = [](Context c) { return tanh(c.operands[0]); };
  words["gelu"] = [](Context c) { return gelu(c.operands[0]); };
  words["add"] = [](Context c) { return add(c.operands[0], c.operands[1]); };
  words["subtract"] = [](Context c) { return subtract(c.operands[0], c.operands[1]); };
  words["multiply"] = [](Context c) { return multiply(c.operands[0], c.operands[1]); };
  words["divide"] = [](Context c) { return divide(c.operands[0], c.operands[1]); };
  words["maximum"] = [](Context c) { return maximum(c.operands[0], c.operands[1]); };
  // The stream's key and count come from the options, so that masks differ between cases.
  words["dropout"] = [](Context c) {
    const auto key = static_cast<std::int32_t>(c.whole(1, 1));
    const Var stream = c.stored(Tensor::of<std::int32_t>({dropout_stream_words}, {key, 7, 0, 0}));
    return dropout(c.operands[0], c.option(0, 0.5), stream);
  };
}

Conv2dOptions conv_options(Context c) {
  return {.stride = {c.whole(0, 1), c.whole(1, 1)},
          .padding = {c.whole(2, 0), c.whole(3, 0)},
          .dilation = {c.whole(4, 1), c.whole(5, 1)},
          .groups = c.whole(6, 1)};
}

void add_products(Words& words) {
  words["matmul"] = [](Context c) {
    return matmul(c.operands[0], c.operands[1], {c.whole(0, 0) != 0, c.whole(1, 0) != 0});
  };
  words["linear"] = [](Context c) {
    return linear(c.operands[0], c.operands[1], c.operands.size() > 2 ? c.operands[2] : Var{});
  };
  words["conv2d"] = [](Context c) {
    return conv2d(c.operands[0], c.operands[1], c.operands.size() > 2 ? c.operands[2] : Var{},
                  conv_options(c));
  };
  // Behind the convolution's options: the output padding.
  words["conv_transpose2d"] = [](Context c) {
    const auto [stride, padding, dilation, groups] = conv_options(c);
    return conv_transpose2d(c.operands[0], c.operands[1], c.operands.size() > 2 ? c.operands[2] : Var{},
                            {stride, padding, {c.whole(7, 0), c.whole(8, 0)}, dilation, groups});
  };
}

Pool2dOptions pool_options(Context c) {
  return {.kernel = {c.whole(0, 2), c.whole(1, 2)},
          .stride = {c.whole(2, 2), c.whole(3, 2)},
          .padding = {c.whole(4, 0), c.whole(5, 0)},
          .dilation = {c.whole(6, 1), c.whole(7, 1)}};
}

void add_reductions(Words& words) {
  words["sum"] = [](Context c) { return sum(c.operands[0], c.wholes(1), c.whole(0, 0) != 0); };
  words["mean"] = [](Context c) { return mean(c.operands[0], c.wholes(1), c.whole(0, 0) != 0); };
  words["max"] = [](Context c) { return max(c.operands[0], c.wholes(1), c.whole(0, 0) != 0); };
  words["argmax"] = [](Context c) { return argmax(c.operands[0], c.whole(0, -1)); };
  words["sum_to"] = [](Context c) { return sum_to(c.operands[0], Shape{c.wholes()}); };
  words["max_pool2d"] = [](Context c) { return max_pool2d(c.operands[0], pool_options(c)); };
  words["adaptive_average_pool2d"] = [](Context c) {
    return adaptive_average_pool2d(c.operands[0], {c.whole(0, 1), c.whole(1, 1)});
  };
  words["average_pool2d"] = [](Context c) { return average_pool2d(c.operands[0], pool_options(c)); };
}

void add_movements(Words& words) {
  words["broadcast_to"] = [](Context c) { return broadcast_to(c.operands[0], Shape{c.wholes()}); };
  words["reshape"] = [](Context c) { return reshape(c.operands[0], c.wholes()); };
  words["flatten"] = [](Context c) { return flatten(c.operands[0], c.whole(0, 1)); };
  words["transpose"] = [](Context c) { return transpose(c.operands[0], c.wholes()); };
  words["slice"] = [](Context c) {
    return slice(c.operands[0], c.whole(0, 0), c.whole(1, 0), c.whole(2, 1));
  };
  words["concatenate"] = [](Context c) { return concatenate(c.operands, c.whole(0, 0)); };
}

// Operands: src, gamma, beta. Options: epsilon, whether the variance is read too, the momentum of running
// statistics (-1: a cumulative average; none: there are none).
Var record_batch_norm(Context c) {
  const auto& src = c.operands[0];
  const auto normalized = batch_norm_training(src, c.operands[1], c.operands[2], c.option(0, 1e-5));
  if (c.options.size() > 1) {
    const auto features = normalized.mean.shape();
    std::optional<double> momentum = c.options[1];
    if (*momentum < 0) momentum.reset();
    const Var mean = c.stored(Tensor{features});
    Tensor ones{features};
    for (auto& value : ones.data<float>()) value = 1.0F;
    const Var variance = c.stored(ones);
    const Var updates = c.stored(Tensor::of<float>({}, {3.0F}));
    update_running_statistics(mean, variance, updates, normalized.mean, normalized.variance, momentum,
                              src.shape().elements() / features.elements());
  }
  return normalized.dst;
}

void add_statistics(Words& words) {
  words["batch_norm"] = record_batch_norm;
  words["batch_norm_inference"] = [](Context c) {
    const auto v = c.operands;
    return batch_norm_inference(v[0], v[1], v[2], v[3], v[4], c.option(0, 1e-5));
  };
  words["layer_norm"] = [](Context c) {
    return layer_norm(c.operands[0], c.operands[1], c.operands[2], c.option(0, 1e-5));
  };
  words["group_norm"] = [](Context c) {
    const auto parameter = [&](std::size_t i) { return c.operands.size() > i ? c.operands[i] : Var{}; };
    return group_norm(c.operands[0], c.whole(1, 1), parameter(1), parameter(2), c.option(0, 1e-5));
  };
  words["instance_norm"] = [](Context c) {
    const auto parameter = [&](std::size_t i) { return c.operands.size() > i ? c.operands[i] : Var{}; };
    return instance_norm(c.operands[0], parameter(1), parameter(2), c.option(0, 1e-5));
  };
  words["rms_norm"] = [](Context c) {
    return rms_norm(c.operands[0], c.operands.size() > 1 ? c.operands[1] : Var{}, c.option(0, 1e-5));
  };
  words["softmax"] = [](Context c) { return softmax(c.operands[0], static_cast<int>(c.whole(0, -1))); };
  words["log_softmax"] = [](Context c) {
    return log_softmax(c.operands[0], static_cast<int>(c.whole(0, -1)));
  };
  words["nll"] = [](Context c) { return nll(c.operands[0], c.operands[1]); };
  words["cross_entropy"] = [](Context c) { return cross_entropy(c.operands[0], c.operands[1]); };
  words["mse"] = [](Context c) { return mse(c.operands[0], c.operands[1]); };
}

}  // namespace

std::vector<std::int64_t> StepContext::wholes(std::size_t first) const {
  std::vector<std::int64_t> result;
  for (std::size_t i = first; i < options.size(); ++i) result.push_back(whole(i, 0));
  return result;
}

const Words& vocabulary() {
  static const Words words = [] {
    Words all;
    add_elementwise(all);
    add_products(all);
    add_reductions(all);
    add_movements(all);
    add_statistics(all);
    add_losses(all);
    add_more(all);
    return all;
  }();
  return words;
}

}  // namespace keel::differential
