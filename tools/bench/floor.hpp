#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "keel/models/mlp.hpp"
#include "keel/runtime/kernel.hpp"

namespace keel::tools {

/// The least that a step of a network can cost: its bare oneDNN primitives (matmuls, batch norm forward and
/// backward) of the same shapes and layouts with their arguments bound beforehand, and for training one fused
/// sweep of SGD with momentum over all parameters and the gradients that the primitives left, on as many
/// threads. No graph, no loss, no biases, no ReLU. Built and run under one thread limit.
class Floor {
 public:
  Floor(const MlpOptions& network, std::int64_t batch, bool training);

  void run() const {
    for (const auto& kernel : kernels_) kernel.run();
  }

 private:
  std::shared_ptr<const void> memory_;  // what the kernels work on
  std::vector<Kernel> kernels_;
};

}  // namespace keel::tools
