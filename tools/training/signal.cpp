#include "keel/tools/training/signal.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "keel/graph/gradients.hpp"
#include "keel/models/batch_norm.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/layer_norm.hpp"
#include "keel/models/linear.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

constexpr double unknown_signal = std::numeric_limits<double>::quiet_NaN();

// Lecun et al. 1998, "Efficient backprop": what comes in keeps its mean square where nothing follows.
Initializer variance_kept(Fans fans) {
  return Initializer::normal(0.0, 1.0 / std::sqrt(static_cast<double>(fans.in)));
}

class DeepNetwork {
 public:
  DeepNetwork(const SignalOptions& options, std::int64_t inputs)
      : activation_(options.activation),
        logits_(options.width, options.classes, {.bias = false, .weights = variance_kept}) {
    if (activation_ != "relu" && activation_ != "tanh" && activation_ != "linear")
      throw Error{fmt::format("a signal passes relu, tanh or linear, not '{}'", activation_)};
    if (options.norm != "plain" && options.norm != "bn" && options.norm != "ln")
      throw Error{fmt::format("a signal passes plain, bn or ln, not '{}'", options.norm)};
    const LinearOptions linear{
        .bias = false,
        .weights = activation_ == "relu" ? initializers::kaiming_normal() : InitializerRule{variance_kept}};
    for (int i = 0; i < options.depth; ++i) {
      linears_.emplace_back(i == 0 ? inputs : options.width, options.width, linear);
      if (options.norm == "bn") batch_norms_.emplace_back(options.width);
      if (options.norm == "ln") layer_norms_.emplace_back(options.width);
    }
  }

  struct Trace {
    Var logits;
    std::vector<Var> hidden;  // what each layer gives
  };
  [[nodiscard]] Trace trace(const Var& images) const {
    Trace trace;
    Var src = images;
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      src = linears_[i](src);
      if (i < batch_norms_.size()) src = batch_norms_[i](src);
      if (i < layer_norms_.size()) src = layer_norms_[i](src);
      if (activation_ == "relu") src = relu(src);
      if (activation_ == "tanh") src = tanh(src);
      trace.hidden.push_back(src);
    }
    trace.logits = logits_(src);
    return trace;
  }

  void visit(auto&& each) {
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      const auto number = std::to_string(i + 1);
      each("fc" + number, linears_[i]);
      if (i < batch_norms_.size()) each("bn" + number, batch_norms_[i]);
      if (i < layer_norms_.size()) each("ln" + number, layer_norms_[i]);
    }
    each("logits", logits_);
  }

 private:
  std::string activation_;
  std::vector<Linear> linears_;
  std::vector<BatchNorm> batch_norms_;
  std::vector<LayerNorm> layer_norms_;
  Linear logits_;
};

double squared_norm(std::span<const float> values) {
  double sum = 0.0;
  for (const double value : values) sum += value * value;
  return sum;
}

}  // namespace

double effective_rank(const Tensor& products) {
  const auto size = static_cast<std::size_t>(products.shape()[0]);
  const auto elements = products.data<float>();
  double trace = 0.0;
  for (std::size_t i = 0; i < size; ++i) trace += elements[i * size + i];
  return trace * trace / squared_norm(elements);
}

double mean_cosine(const Tensor& products) {
  const auto size = static_cast<std::size_t>(products.shape()[0]);
  const auto elements = products.data<float>();
  double sum = 0.0;
  double count = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double lengths = std::sqrt(elements[i * size + i]) * std::sqrt(elements[j * size + j]);
      if (!(lengths > 0.0)) continue;
      sum += elements[i * size + j] / lengths;
      count += 1.0;
    }
  }
  return count > 0.0 ? sum / count : unknown_signal;
}

double gradient_growth(const std::vector<double>& squared_gradients) {
  if (squared_gradients.size() < 3) return unknown_signal;
  const auto margin = squared_gradients.size() / 6;
  const auto last = squared_gradients.size() - 1 - margin;
  const double growth =
      std::pow(squared_gradients[margin] / squared_gradients[last], 1.0 / static_cast<double>(last - margin));
  return std::isfinite(growth) && growth > 0.0 ? growth : unknown_signal;
}

Signal measure_signal(const SignalOptions& options, const Tensor& images, const Tensor& labels,
                      const Rng& rng) {
  DeepNetwork network{options, images.shape()[1]};
  initialize(network, rng);
  const auto depth = static_cast<std::size_t>(options.depth);
  CompiledFunction function{Mode::training, [&](Tape& tape, std::span<const Var> inputs) {
                              const auto [logits, hidden] = network.trace(inputs[0]);
                              std::vector<Var> weights;
                              for (const auto& [path, parameter] : parameters(network))
                                if (path.starts_with("fc"))
                                  weights.push_back(tape.stored(parameter->value(), path));
                              auto results = gradients(cross_entropy(logits, inputs[1]), weights);
                              for (const auto& src : hidden)
                                results.push_back(matmul(src, src, {.weights = true}));
                              return results;
                            }};
  const Plan& plan = function(std::array{images, labels});
  Signal signal;
  for (std::size_t i = 0; i < depth; ++i) {
    signal.squared_gradients.push_back(squared_norm(plan.output(i).data<float>()));
    signal.effective_ranks.push_back(effective_rank(plan.output(depth + i)));
    signal.mean_cosines.push_back(mean_cosine(plan.output(depth + i)));
  }
  return signal;
}

}  // namespace keel::tools
