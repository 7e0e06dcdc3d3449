#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/bench/cases.hpp"

namespace keel::tools {

/// The work of a case as it is written for libtorch.
struct TorchStep {
  std::function<void()> run;
  /// What the last run computed: the loss of a training step, before its update, or the logits of inference.
  std::function<std::vector<float>()> result;
};

/// The same network with copies of `parameters` (the trained ones, in the order in which the model names
/// them), on the same batch; SGD with momentum 0.9. Used under the thread limit that it is made under.
/// Throws Error when this program was built without libtorch.
TorchStep make_torch_step(const BenchCase& bench_case, std::span<const Tensor> parameters,
                          const NoiseBatch& batch, double learning_rate);

/// "libtorch 1.13.1 with OpenBLAS 0.3.21 ...": what runs the products matters most. Throws Error when this
/// program was built without libtorch.
std::string torch_version();

}  // namespace keel::tools
