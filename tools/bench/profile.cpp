#include "keel/tools/bench/profile.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/bench/cases.hpp"
#include "keel/tools/system/turns.hpp"

namespace keel::tools {

void print_profile(const std::string& model_name, std::int64_t batch_size, int threads) {
  const ThreadLimit limit{threads};
  const auto network = bench_network(model_name);
  Mlp model{network};
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 1e-6, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  const NoiseBatch batch{batch_size, network};
  Plan& plan = step.plan(batch.images, batch.labels);
  // About a second of it, of a large network some runs at the least.
  const double once = microseconds([&] { step(batch.images, batch.labels); }, 3);
  const auto times = plan.profile(std::clamp(static_cast<int>(1e6 / once), 11, 1001));
  double total = 0.0;
  for (const double time : times) total += time;
  fmt::print("{:38} {:>8} {:>7} {:>9} {:>8} {:>8}  {}\n", "node", "us", "share", "GFLOP/s", "GB/s", "threads",
             "implementation");
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto& line = plan.steps()[i];
    const auto flops = line.cost.flops > 0 ? fmt::format("{:.1f}", line.cost.flops / times[i] * 1e-3) : "";
    fmt::print("{:38} {:8.2f} {:5.1f} % {:>9} {:8.1f} {:8}  {}\n", line.node.op->name(), times[i],
               100.0 * times[i] / total, flops, line.cost.bytes / times[i] * 1e-3, line.threads,
               line.implementation);
  }
  fmt::print("{:38} {:8.2f}\n", "sum", total);
}

}  // namespace keel::tools
