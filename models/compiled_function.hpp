#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// Records a program and returns its outputs, given its inputs.
using Recording = std::function<std::vector<Var>(Tape& tape, std::span<const Var> inputs)>;

/// A recording, compiled anew for each combination of input types and thread limit that it meets, then
/// replayed: the short last batch of an epoch thus has a plan of its own. The mode is fixed, so training and
/// inference never share a plan.
class CompiledFunction {
 public:
  CompiledFunction(Mode mode, Recording recording);

  /// Runs the recording on `inputs`, whose elements are used in place, and returns the plan, whose outputs
  /// hold the results until its next run.
  const Plan& operator()(std::span<const Tensor> inputs);

  /// The plan for such inputs, bound to these, not run.
  Plan& plan(std::span<const Tensor> inputs);

  /// Drops all plans: the recording would not record the same any more.
  void forget() { compiled_.clear(); }

 private:
  struct Key {
    std::vector<ValueType> types;
    int threads;
    auto operator<=>(const Key&) const = default;
  };
  struct Compiled {
    Plan plan;
    std::vector<std::size_t> inputs;
  };

  [[nodiscard]] Compiled compile(std::span<const ValueType> types) const;

  Mode mode_;
  Recording recording_;
  std::map<Key, Compiled> compiled_;
  Key key_;  // of the present call; kept to reuse its memory
};

}  // namespace keel
