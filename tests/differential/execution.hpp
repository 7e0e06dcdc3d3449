#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "case.hpp"
#include "keel/graph/plan.hpp"
#include "node_run.hpp"
#include "recording.hpp"

namespace keel::differential {

/// Puts another operator in an operator's place, or null to leave it: how a test plants a fault.
using Sabotage = std::function<std::shared_ptr<const Operator>(const std::shared_ptr<const Operator>&)>;

/// An operator that a sabotage made, which tells the original.
class Sabotaged : public Operator {
 public:
  explicit Sabotaged(std::shared_ptr<const Operator> original) : original_(std::move(original)) {}
  [[nodiscard]] const std::shared_ptr<const Operator>& original() const { return original_; }

 private:
  std::shared_ptr<const Operator> original_;
};

/// What a run left behind.
struct Outcome {
  std::vector<Array> values;            ///< of the plan, by number; empty where there is no memory
  std::map<std::size_t, Array> before;  ///< stored values, before and after
  std::map<std::size_t, Array> after;
  std::optional<std::string> thrown;  ///< the error that ended the run
};

/// A case's program, recorded once and compiled as often as asked.
class Execution {
 public:
  explicit Execution(const Case& description, const Sabotage& sabotage = {});

  /// What the case's program is compiled to, without running it.
  [[nodiscard]] const Program& compiled();
  /// Runs a plan of its own: with numbers of another seed first where asked, then in poisoned memory with
  /// the case's own, from the same stored values every time.
  Outcome run(bool reuse_memory, int runs_before);
  /// The plan of the last run.
  [[nodiscard]] const Plan& plan() const { return *plan_; }
  [[nodiscard]] const Program& recorded() const { return recording_.tape->program(); }

 private:
  void compile(bool reuse_memory);
  void restore();
  void warm_up();
  std::optional<std::string> run_once();

  Case case_;
  Sabotage sabotage_;
  RecordedCase recording_;
  std::vector<std::pair<std::size_t, Tensor>> stored_;  // by value, its memory
  std::vector<std::vector<std::byte>> first_;           // and what it held at first
  std::unique_ptr<Plan> plan_;
};

}  // namespace keel::differential
