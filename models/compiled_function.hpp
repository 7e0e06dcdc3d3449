#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/graph/tape.hpp"
#include "keel/models/presence.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// Records a program and returns its outputs, given its inputs.
using Recording = std::function<std::vector<Var>(Tape& tape, std::span<const Var> inputs)>;

/// How many plans are kept: when there are more, or when their arenas take more memory in all, those that were
/// not used for longest go. The one in use stays, however large. What has gone is compiled anew when it is
/// wanted again, which takes about as long as a step or two of a small network.
struct PlanBound {
  std::size_t plans = 64;
  std::size_t bytes = std::size_t{1} << 30U;
};

/// A recording, compiled anew for each combination of input types and thread limit that it meets, then
/// replayed: the short last batch of an epoch thus has a plan of its own. The mode is fixed, so training and
/// inference never share a plan.
///
/// When a parameter that was recorded is frozen, unfrozen, initialized anew or assigned anew, all is recorded
/// anew at the next call. Whatever else the recording would do otherwise next time has to be followed by
/// `forget`.
class CompiledFunction {
 public:
  /// `ranks` are the tapes': all record the same on parts of the batch, and all call it in the same order. What one
  /// throws on its own ends them all, by RankError.
  CompiledFunction(Mode mode, Recording recording, PlanBound bound = {}, Communicator ranks = {});

  /// Runs the recording on `inputs`, whose elements are used in place, and returns the plan, whose outputs
  /// hold the results until the next call. Throws NoValuesError for an input that is undefined, Error when a
  /// parameter that the plan was compiled with was moved away or destroyed, and what the operators throw, such
  /// as for a label that is out of range: running statistics and random streams are then as they were.
  const Plan& operator()(std::span<const Tensor> inputs);

  /// The plan for such inputs, bound to these, not run. It stays until the next call.
  Plan& plan(std::span<const Tensor> inputs);

  /// How many results the recording returned for the plan that was used last.
  [[nodiscard]] std::size_t results() const { return latest().results; }
  /// What was `report`ed by that name, as the plan that was used last left it, until the next call. Throws Error,
  /// with the names that there are, for another.
  [[nodiscard]] Tensor reported(std::string_view name) const;

  /// Drops all plans, and with them what they returned.
  void forget() { compiled_.clear(); }

  /// From the next new plan on.
  void set_plan_bound(PlanBound bound) { bound_ = bound; }
  /// How many there are at present.
  [[nodiscard]] std::size_t plans() const { return compiled_.size(); }
  /// The memory of their arenas.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Key {
    std::vector<ValueType> types;
    int threads;
    auto operator<=>(const Key&) const = default;
  };
  struct Watched {
    std::size_t value;  // of the plan's program
    Presence::Watch watch;
  };
  // What a run changes without training it, and its values before the run.
  struct State {
    Tensor value;
    Tensor before;
  };
  struct Compiled {
    Plan plan;
    std::vector<std::size_t> inputs;
    std::vector<Watched> parameters;
    std::vector<State> state;
    std::vector<std::function<bool()>> dependencies;
    std::size_t results;                // outputs of the plan that are the recording's
    std::vector<std::string> reported;  // the names of those behind them
    std::uint64_t used = 0;             // when, by the clock
  };

  [[nodiscard]] Compiled compile(std::span<const ValueType> types) const;
  const Plan& run(std::span<const Tensor> inputs);
  Compiled& bound_to(std::span<const Tensor> inputs);
  [[nodiscard]] const Compiled& latest() const;
  static void require_inputs(std::span<const Tensor> inputs);
  static bool changed(Compiled& compiled);
  void drop_least_used();

  Mode mode_;
  Communicator ranks_;
  Recording recording_;
  PlanBound bound_;
  std::map<Key, Compiled> compiled_;
  Key key_;                  // of the present call; kept to reuse its memory
  std::uint64_t clock_ = 0;  // counts calls
};

}  // namespace keel
