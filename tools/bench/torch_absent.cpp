#include "keel/runtime/error.hpp"
#include "keel/tools/bench/torch_step.hpp"

namespace keel::tools {

TorchStep make_torch_step(const BenchCase&, std::span<const Tensor>, const NoiseBatch&, double) {
  torch_version();
  return {};
}

std::string torch_version() {
  throw Error{"this keel was built without libtorch; tools/bench-torch builds one with it and runs it"};
}

}  // namespace keel::tools
