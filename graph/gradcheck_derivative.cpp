#include "keel/graph/gradcheck_derivative.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "keel/graph/gradcheck_comparison.hpp"
#include "keel/graph/gradcheck_consistency.hpp"
#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

std::vector<GradcheckInput> compare_all(const CheckedFunction& checked, const GradcheckRun& run,
                                        const GradcheckOptions& options, StoredState& state) {
  WeightedValue value{checked, state};
  std::vector<GradcheckInput> found;
  for (std::size_t i = 0; i < checked.differentiated.size(); ++i) {
    found.push_back(
        compare_with_differences(checked, value, checked.differentiated[i], run.gradients[i], options));
  }
  return found;
}

// The function's inputs with every element moved by ten to twenty steps, one way or the other, until the end
// of the scope.
class Moved {
 public:
  Moved(const CheckedFunction& checked, const GradcheckOptions& options) : inputs_(checked.inputs) {
    for (const auto& input : inputs_) before_.push_back(input.clone());
    for (const auto index : checked.differentiated) {
      auto rng = Rng{checked.seed}.stream("beside kinks", index);
      for (auto& element : inputs_[index].data<double>()) {
        const double sign = rng.bits() % 2 == 0 ? 1.0 : -1.0;
        element += sign * rng.uniform(10.0, 20.0) * options.step * std::max(1.0, std::abs(element));
      }
    }
  }
  ~Moved() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      std::copy_n(before_[i].bytes(), before_[i].type().bytes(), inputs_[i].bytes());
    }
  }
  Moved(const Moved&) = delete;
  Moved& operator=(const Moved&) = delete;

 private:
  std::vector<Tensor> inputs_;  // the function's own memory
  std::vector<Tensor> before_;
};

// At a kink any value between two is right, so that a fault could hide where there are many. Beside them the
// differences must be met; what is still a kink there is the function's nature, and may be a tenth at most.
void check_beside_kinks(const CheckedFunction& checked, const GradcheckOptions& options, StoredState& state,
                        DerivativeCheck& found) {
  const Moved moved{checked, options};
  auto runs = run_every_way(checked, options, state);
  if (found.inconsistencies.empty()) found.inconsistencies = std::move(runs.inconsistencies);
  const auto there = compare_all(checked, runs.first, options, state);
  std::size_t checks = 0;
  std::size_t kinks = 0;
  for (std::size_t i = 0; i < there.size(); ++i) {
    checks += there[i].elements + there[i].directions;
    kinks += there[i].kinks.size();
    if (there[i].worst.excess <= found.inputs[i].worst.excess) continue;
    found.inputs[i].worst = there[i].worst;
    found.inputs[i].ok = there[i].ok;
    found.inputs[i].beside_kinks = true;
  }
  if (kinks <= 1 || 10 * kinks <= checks) return;
  found.inconsistencies.push_back(fmt::format(
      "kinks at {} of {} places, even with the inputs moved by {:g}, could hide a wrong derivative", kinks,
      checks, 20.0 * options.step));
}

}  // namespace

bool DerivativeCheck::ok() const {
  return inconsistencies.empty() && std::ranges::all_of(inputs, &GradcheckInput::ok);
}

DerivativeCheck check_derivative(const CheckedFunction& checked, const GradcheckOptions& options) {
  StoredState state;
  auto runs = run_every_way(checked, options, state);
  DerivativeCheck result{.inputs = compare_all(checked, runs.first, options, state),
                         .inconsistencies = std::move(runs.inconsistencies)};
  const bool has_kinks =
      std::ranges::any_of(result.inputs, [](const auto& input) { return !input.kinks.empty(); });
  if (has_kinks) check_beside_kinks(checked, options, state, result);
  return result;
}

}  // namespace keel
