#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "keel/models/mlp.hpp"
#include "keel/runtime/kernel.hpp"
#include "keel/runtime/slot.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel::tools {

/// The least that a step of a network can cost: its bare oneDNN primitives (matmuls, batch norm forward and
/// backward) of the same shapes and layouts with their arguments bound beforehand, and for training one fused
/// sweep of SGD with momentum over all parameters. No graph, no loss, no biases, no ReLU. Built and run under
/// one thread limit.
class Floor {
 public:
  Floor(const MlpOptions& network, std::int64_t batch, bool training);

  void run() const;

 private:
  Slot& array(std::int64_t elements);
  void add_product(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool src_transposed,
                   bool weights_transposed, Slot& src, Slot& weights, Slot& dst);
  void add_norm(std::int64_t count, std::int64_t features, Slot& src, Slot& dst);
  void add_sweep(std::int64_t parameters);

  bool training_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Tensor> arrays_;
  std::vector<Kernel> kernels_;
};

}  // namespace keel::tools
