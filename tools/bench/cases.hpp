#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/models/mlp.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel::tools {

/// One line of the table of `keel bench`: a training step, or inference, of a network on a batch.
struct BenchCase {
  std::string model;  ///< "bn", "bn-inference"
  MlpOptions network;
  std::int64_t batch_size;
  bool training;
};

/// Every case that is measured, in the order of the table.
std::vector<BenchCase> bench_cases();

/// The networks by name: plain, bn (784-128-10), deep-plain, deep-bn (784-64x40-10), wide-plain, wide-bn
/// (784-2048-2048-10).
std::span<const char* const> bench_models();
MlpOptions bench_network(const std::string& model);

/// A batch of noise with labels, the same every time.
struct NoiseBatch {
  NoiseBatch(std::int64_t size, const MlpOptions& network);

  Tensor images;  ///< (size, inputs), f32 in [-1, 1)
  Tensor labels;  ///< (size), s32
};

}  // namespace keel::tools
