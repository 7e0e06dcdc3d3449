#include "keel/tools/bench/overhead.hpp"

#include "keel/graph/plan.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/bench/cases.hpp"
#include "keel/tools/system/turns.hpp"

namespace keel::tools {
namespace {

constexpr int repeats = 101;

// Claims to write its input, so that the plan keeps it.
class IdleOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "idle"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType>) const override { return {}; }
  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override { return {0}; }
  [[nodiscard]] Kernel bind(const Binding&) const override {
    return {[] {}, "nothing"};
  }
};

}  // namespace

double node_overhead_ns() {
  constexpr int nodes = 1000;
  Tape tape;
  const Var state = tape.stored(Tensor{Shape{}}, "state");
  const auto op = std::make_shared<IdleOp>();
  for (int i = 0; i < nodes; ++i) tape.record(op, std::span{&state, 1}, SourceLocation::current());
  Plan plan{tape, {}};
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) times.push_back(microseconds([&] { plan.run(); }, 10));
  return median(std::move(times)) * 1e3 / nodes;
}

double compile_us() {
  const ThreadLimit limit{1};
  const auto network = bench_network("bn");
  const NoiseBatch batch{64, network};
  Mlp model{network};
  initialize(model, Rng{1});
  Sgd sgd{{.momentum = 0.9}};
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    TrainingStep step{model, sgd, cross_entropy};
    times.push_back(microseconds([&] { step.plan(batch.images, batch.labels); }, 1));
  }
  return median(std::move(times));
}

}  // namespace keel::tools
