#include "keel/graph/gradcheck_consistency.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

namespace keel {
namespace {

using Arrays = std::vector<std::vector<double>>;

// The function and its derivative under the upstream gradients of one set, ready to run.
class FunctionRun {
 public:
  FunctionRun(const CheckedFunction& checked, StoredState& state, const PlanOptions& options = {},
              std::size_t set = 0)
      : state_(state),
        recording_(checked),
        outputs_(recording_.outputs()),
        results_(outputs_),
        plan_(compile(checked, options, set)) {
    state_.add(recording_.tape().program());
  }

  GradcheckRun run() {
    auto results = run_from(state_, plan_, results_.size());
    const auto middle = results.begin() + std::ssize(outputs_);
    return {{results.begin(), middle}, {middle, results.end()}};
  }

  void poison() { plan_.poison(); }

 private:
  Plan compile(const CheckedFunction& checked, const PlanOptions& options, std::size_t set) {
    const auto upstream = upstream_gradients(outputs_, checked.seed, set);
    const auto grads = recording_.gradients(outputs_, upstream);
    results_.insert(results_.end(), grads.begin(), grads.end());
    return recording_.compile(results_, options);
  }

  StoredState& state_;
  RecordedFunction recording_;
  std::vector<Var> outputs_;
  std::vector<Var> results_;
  Plan plan_;
};

// The gradients for two sets of upstream gradients on one tape: of the function recorded twice, or, since a
// function that writes into stored values is another one the second time, of its outputs taken twice.
Arrays gradients_of_both(const CheckedFunction& checked, StoredState& state) {
  RecordedFunction recording{checked};
  auto outputs = recording.outputs();
  auto upstream = upstream_gradients(outputs, checked.seed, 0);
  const auto second = upstream_gradients(outputs, checked.seed, 1);
  const auto again = state.empty() ? recording.outputs() : outputs;
  outputs.insert(outputs.end(), again.begin(), again.end());
  upstream.insert(upstream.end(), second.begin(), second.end());
  const auto grads = recording.gradients(outputs, upstream);
  auto plan = recording.compile(grads, {});
  state.add(recording.tape().program());
  return run_from(state, plan, grads.size());
}

Arrays sum_of(const Arrays& a, const Arrays& b) {
  Arrays sum = a;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::ranges::transform(a[i], b[i], sum[i].begin(), std::plus{});
  }
  return sum;
}

/// Whether two elements agree in arrays whose largest element is `largest`.
using Agree = std::function<bool(double a, double b, double largest)>;

bool same_bits(double a, double b, double) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// No step is taken here, so that a thousandth of what differences are allowed is still a million roundings,
// here of the largest element: small ones may be what is left of a sum. So may be all of them.
Agree equal_but_for_rounding(const GradcheckOptions& options) {
  return [relative = options.relative_tolerance](double a, double b, double largest) {
    constexpr double left_of_sums = 1e-13;
    const bool neither_is_a_number = std::isnan(a) && std::isnan(b);
    return neither_is_a_number || a == b || std::abs(a - b) <= left_of_sums + 1e-3 * relative * largest;
  };
}

double largest_of(const std::vector<double>& array) {
  double largest = 0.0;
  for (const double element : array) largest = std::max(largest, std::abs(element));
  return largest;
}

// "input 0, element 3: -1.5, then 2.5" for the first element that differs; empty when none does. `names` are
// the arrays' numbers.
std::string first_difference(std::string_view kind, const Arrays& a, const Arrays& b,
                             std::span<const std::size_t> names, const Agree& agree) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double largest = largest_of(a[i]);
    for (std::size_t k = 0; k < a[i].size(); ++k) {
      if (agree(a[i][k], b[i][k], largest)) continue;
      return fmt::format("{} {}, element {}: {:.17g}, then {:.17g}", kind, names.empty() ? i : names[i], k,
                         a[i][k], b[i][k]);
    }
  }
  return {};
}

class Consistency {
 public:
  Consistency(const CheckedFunction& checked, const GradcheckOptions& options, StoredState& state)
      : checked_(checked), options_(options), state_(state) {}

  GradcheckRuns run() {
    FunctionRun function{checked_, state_};
    runs_.first = function.run();
    compare("a second run", function.run(), same_bits, "");
    // What changes from run to run changes in the others too.
    if (!runs_.inconsistencies.empty()) return std::move(runs_);
    function.poison();
    compare("a run in memory full of NaN", function.run(), same_bits,
            "; a kernel reads what was not written, or adds to what it finds");
    FunctionRun apart{checked_, state_, {.rules = {}, .reuse_memory = false}};
    compare("a run with every value in memory of its own", apart.run(), same_bits,
            "; a kernel overwrites what is still to be read");
    if (!checked_.differentiated.empty()) compare_sum();
    if (!options_.rules.empty()) {
      FunctionRun fused{checked_, state_, {.rules = options_.rules}};
      compare("a run by fused kernels", fused.run(), equal_but_for_rounding(options_), "");
    }
    return std::move(runs_);
  }

 private:
  void compare(std::string_view what, const GradcheckRun& other, const Agree& agree, std::string_view why) {
    const auto& first = runs_.first;
    const auto outputs = first_difference("output", first.outputs, other.outputs, {}, agree);
    const auto grads =
        first_difference("input", first.gradients, other.gradients, checked_.differentiated, agree);
    const std::string_view kind = outputs.empty() ? "gradients" : "outputs";
    const auto& difference = outputs.empty() ? grads : outputs;
    if (difference.empty()) return;
    runs_.inconsistencies.push_back(
        fmt::format("{} gave other {} than the first: {}{}", what, kind, difference, why));
  }

  void compare_sum() {
    FunctionRun second{checked_, state_, {}, 1};
    const auto sum = sum_of(runs_.first.gradients, second.run().gradients);
    const auto both = gradients_of_both(checked_, state_);
    const auto difference =
        first_difference("input", sum, both, checked_.differentiated, equal_but_for_rounding(options_));
    if (difference.empty()) return;
    runs_.inconsistencies.push_back(fmt::format(
        "two upstream gradients at once gave another gradient than the sum of their gradients: {}",
        difference));
  }

  const CheckedFunction& checked_;
  const GradcheckOptions& options_;
  StoredState& state_;
  GradcheckRuns runs_;
};

}  // namespace

GradcheckRuns run_every_way(const CheckedFunction& checked, const GradcheckOptions& options,
                            StoredState& state) {
  return Consistency{checked, options, state}.run();
}

}  // namespace keel
