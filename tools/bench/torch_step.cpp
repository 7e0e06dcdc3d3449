// The steps of `keel bench` as a user of libtorch would write them: modules, autograd, torch::optim::SGD.

#include "keel/tools/bench/torch_step.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <memory>

#include "keel/runtime/threads.hpp"

namespace keel::tools {
namespace {

struct Network : torch::nn::Module {
  explicit Network(const MlpOptions& options) {
    std::int64_t inputs = options.inputs;
    for (const auto width : options.hidden) {
      const auto number = std::to_string(linears.size() + 1);
      linears.push_back(register_module(
          "fc" + number,
          torch::nn::Linear(torch::nn::LinearOptions(inputs, width).bias(!options.batch_norm))));
      if (options.batch_norm) norms.push_back(register_module("bn" + number, torch::nn::BatchNorm1d(width)));
      inputs = width;
    }
    linears.push_back(register_module("fc" + std::to_string(linears.size() + 1),
                                      torch::nn::Linear(inputs, options.classes)));
  }

  torch::Tensor forward(torch::Tensor hidden) {
    for (std::size_t i = 0; i + 1 < linears.size(); ++i) {
      hidden = linears[i](hidden);
      if (i < norms.size()) hidden = norms[i](hidden);
      hidden = torch::relu(hidden);
    }
    return linears.back()(hidden);
  }

  std::vector<torch::nn::Linear> linears;
  std::vector<torch::nn::BatchNorm1d> norms;
};

torch::Tensor copy_of(const Tensor& tensor) {
  const auto& extents = tensor.shape().extents();
  const std::vector<std::int64_t> sizes(extents.begin(), extents.end());
  if (tensor.dtype() == DType::s32) {
    return torch::from_blob(tensor.data<std::int32_t>().data(), sizes, torch::kInt32).to(torch::kInt64);
  }
  return torch::from_blob(tensor.data<float>().data(), sizes, torch::kFloat32).clone();
}

std::vector<float> floats_of(const torch::Tensor& tensor) {
  const auto dense = tensor.detach().contiguous();
  return {dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel()};
}

// Everything that a step holds on to between runs.
struct State {
  State(const BenchCase& bench_case, const NoiseBatch& batch, double learning_rate)
      : network(std::make_shared<Network>(bench_case.network)),
        parameters(network->parameters()),
        sgd(parameters, torch::optim::SGDOptions(learning_rate).momentum(0.9)),
        images(copy_of(batch.images)),
        labels(copy_of(batch.labels)) {
    network->train(bench_case.training);
  }

  void train() {
    for (auto& parameter : parameters) parameter.mutable_grad().reset();  // cheaper than zeros
    result = torch::nn::functional::cross_entropy(network->forward(images), labels);
    result.backward();
    sgd.step();
  }

  void infer() {
    const torch::InferenceMode no_autograd;
    result = network->forward(images);
  }

  std::shared_ptr<Network> network;
  std::vector<torch::Tensor> parameters;
  torch::optim::SGD sgd;
  torch::Tensor images;
  torch::Tensor labels;
  torch::Tensor result;
};

}  // namespace

TorchStep make_torch_step(const BenchCase& bench_case, std::span<const Tensor> parameters,
                          const NoiseBatch& batch, double learning_rate) {
  at::set_num_threads(ThreadLimit::current());
  const auto state = std::make_shared<State>(bench_case, batch, learning_rate);
  const torch::NoGradGuard no_autograd;
  for (std::size_t i = 0; i < parameters.size(); ++i) state->parameters.at(i).copy_(copy_of(parameters[i]));
  const auto result = [state] { return floats_of(state->result); };
  if (bench_case.training) return {[state] { state->train(); }, result};
  return {[state] { state->infer(); }, result};
}

std::string torch_version() {
  using Config = char* (*)();
  const auto openblas = reinterpret_cast<Config>(dlsym(RTLD_DEFAULT, "openblas_get_config"));
  return fmt::format("libtorch {} with {}", TORCH_VERSION,
                     openblas != nullptr ? openblas()
                                         : "a BLAS that is not OpenBLAS (install libopenblas0-openmp to be "
                                           "fair: the reference BLAS is many times slower)");
}

}  // namespace keel::tools
