#pragma once

// What the canary tests have in common: see guarded_run.hpp.

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <vector>

#include "../support/guarded_run.hpp"
#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/keel.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::test {

using Vars = std::span<const Var>;

/// What all the cases have in common: made up from one stream of random numbers, checked, and counted.
class Canary {
 public:
  // A number from `lowest` to `highest`.
  std::int64_t between(std::int64_t lowest, std::int64_t highest) {
    return lowest + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(highest - lowest + 1)));
  }
  // About the widths of vectors and blocks.
  std::int64_t channels() {
    const auto choice = between(1, 23);
    return choice <= 20 ? choice : choice + 10;
  }
  Shape images() { return {between(1, 5), channels(), between(3, 9), between(3, 9)}; }

  // Checks all kernels of `function` and its derivative for random inputs of `shapes`, every second time with
  // fusion rules, and likewise on one thread or two.
  void check(const std::vector<Shape>& shapes, const Function& function) {
    Tape tape;
    std::vector<Var> vars;
    for (const auto& shape : shapes) vars.push_back(tape.stored(random_tensor(shape, vars.size() + 1)));
    auto results = function(vars);
    const Var upstream = tape.stored(random_tensor(results[0].shape(), 77));
    const auto grads = gradients(std::span{results}.first(1), std::span{&upstream, 1}, vars);
    for (const auto& grad : grads)
      if (grad.defined()) results.push_back(grad);
    check(tape, results);
  }

  void check(const Tape& tape, std::span<const Var> results) {
    const bool fused = between(0, 1) == 1;
    const auto rules = fused ? fusion_rules() : std::span<const FusionRule>{};
    const Plan plan{tape, results, {.rules = rules}};
    for (const auto& node : plan.program().nodes) operators_.emplace(node.op->name());
    for (const auto& fault : faults_of_kernels(plan.program(), static_cast<int>(between(1, 2))))
      BOOST_ERROR(fault);
  }

  [[nodiscard]] const std::set<std::string>& operators() const { return operators_; }

 private:
  Rng rng_{1};
  std::set<std::string> operators_;
};

// The same images with their channels last, where a kernel takes them so.
inline Var channels_last(const Var& images) {
  return max_pool2d(images, {1});
}

}  // namespace keel::test
