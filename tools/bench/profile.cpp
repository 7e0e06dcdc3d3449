#include "keel/tools/bench/profile.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/bench/cases.hpp"
#include "keel/tools/system/terminal.hpp"
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
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto& line = plan.steps()[i];
    const auto flops = line.cost.flops > 0 ? fmt::format("{:.1f}", line.cost.flops / times[i] * 1e-3) : "";
    rows.push_back({std::string{line.node.op->name()}, fmt::format("{:.2f}", times[i]),
                    fmt::format("{:.1f} %", 100.0 * times[i] / total), flops,
                    fmt::format("{:.1f}", line.cost.bytes / times[i] * 1e-3), fmt::format("{}", line.threads),
                    std::string{line.implementation}});
  }
  rows.push_back({"sum", fmt::format("{:.2f}", total), "", "", "", "", ""});
  fmt::print("{}", table_text({"node", "us", "share", "GFLOP/s", "GB/s", "threads", "implementation"}, rows,
                              terminal_width(STDOUT_FILENO)));
}

}  // namespace keel::tools
