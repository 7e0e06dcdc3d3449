// Networks made of another's weights: with batch norms folded away, with the biases that PyTorch expects.

#include <fmt/format.h>

#include <map>

#include "keel/models/checkpoint.hpp"
#include "keel/models/fold_layer.hpp"
#include "keel/models/initialize.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/training/classifier.hpp"

namespace keel::tools {
namespace {

using Values = std::map<std::string, Tensor>;

Values values_by_path(Network& network) {
  Values values;
  for (const auto& [path, parameter] : parameters(network)) values[path] = parameter->value();
  return values;
}

// A network as described, with these values where it has such parameters; zeros where it has others.
std::unique_ptr<Network> network_of(NetworkDescription description, const Values& values) {
  description.dropout = 0.0;
  auto network = std::make_unique<Network>(options_of(description));
  const auto all = parameters(*network);
  detail::allocate(all, DType::f32);
  for (const auto& [path, parameter] : all)
    if (const auto found = values.find(path); found != values.end()) parameter->set_value(found->second);
  return network;
}

}  // namespace

LabelledNetwork folded(const LabelledNetwork& source) {
  const auto& network = source.label.network;
  LabelledNetwork result{source.label, nullptr};
  auto values = values_by_path(*source.network);
  const double epsilon = BatchNormOptions{}.epsilon;
  const auto fold = [&](const std::string& layer, std::size_t number) {
    const auto norm = fmt::format("bn{}.", number);
    const auto folded =
        detail::fold_layer(values.at(layer + ".weights"), values[layer + ".bias"],
                           {values.at(norm + "gamma"), values.at(norm + "beta"),
                            values.at(norm + "running_mean"), values.at(norm + "running_variance"), epsilon});
    values[layer + ".weights"] = folded.weights;
    values[layer + ".bias"] = folded.bias;
  };
  if (network.norm == Norm::batch) {
    const auto convolutions = network.channels.size();
    for (std::size_t i = 1; i <= convolutions; ++i) fold(fmt::format("conv{}", i), i);
    for (std::size_t i = 1; i <= network.hidden.size(); ++i) fold(fmt::format("fc{}", i), convolutions + i);
    result.label.network.norm = Norm::none;
    result.label.network.bias_before_norm = false;
  }
  result.network = network_of(result.label.network, values);
  return result;
}

void save_network(const LabelledNetwork& source, const std::filesystem::path& path) {
  if (!source.label.pytorch_names)
    return save_checkpoint(*source.network, path, {.texts = texts_of(source.label)});
  auto label = source.label;
  label.network.bias_before_norm = true;
  const auto network = network_of(label.network, values_by_path(*source.network));
  save_checkpoint(*network, path, {.names = Names::pytorch, .texts = texts_of(label)});
}

}  // namespace keel::tools
