#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "keel/graph/program.hpp"
#include "keel/graph/var.hpp"
#include "keel/runtime/communicator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Records a program: operators called on its Vars append nodes. Shapes are checked as they are recorded;
/// nothing is computed until a Plan compiled from the tape runs.
class Tape {
 public:
  explicit Tape(Mode mode = Mode::training, Communicator ranks = {})
      : mode_(mode), ranks_(std::move(ranks)) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// That of layers which are applied now: the tape's, or that of a ModeScope.
  [[nodiscard]] Mode mode() const { return mode_; }
  /// Those that run the same program on other parts of the batch.
  [[nodiscard]] const Communicator& ranks() const { return ranks_; }
  /// Whether a layer in training mode that keeps something of what it sees, as batch norm keeps running
  /// statistics, is to record the change of this `state`.
  [[nodiscard]] bool may_change(const Tensor& state) const { return !may_change_ || may_change_(state); }
  /// From now on layers leave state alone for which `may_change` is false.
  void restrict_changes(std::function<bool(const Tensor& state)> may_change) {
    may_change_ = std::move(may_change);
  }

  /// A value that is given anew for each run.
  Var input(ValueType type, std::string name = "");
  Var input(Shape shape, DType dtype = DType::f32, std::string name = "") {
    return input(ValueType{shape, dtype}, std::move(name));
  }
  /// A value that lives outside the tape and outlasts it: a parameter, a running statistic, a constant. The
  /// same memory given twice is the same value. Throws NoValuesError when `tensor` is undefined.
  Var stored(const Tensor& tensor, std::string name = "");
  /// A stored scalar, f64 or f32, to which `value` is then rounded; one value for all calls with the same.
  Var constant(double value, DType dtype = DType::f32);

  /// Appends a node and returns its outputs. Throws ShapeError, naming the operator, the shapes and `where`.
  std::vector<Var> record(std::shared_ptr<const Operator> op, std::span<const Var> inputs,
                          const SourceLocation& where);
  /// The same for an operator of one output.
  Var record_one(std::shared_ptr<const Operator> op, std::span<const Var> inputs,
                 const SourceLocation& where);

  /// A value to be handed out by name: see keel::report. The last of a name counts.
  void report(std::string name, const Var& value) { reports_.insert_or_assign(std::move(name), value.id()); }
  /// The values that were reported, by number.
  [[nodiscard]] const std::map<std::string, std::size_t, std::less<>>& reports() const { return reports_; }

  /// Something beside the values that the recording follows from, such as which layers there are: `changed`
  /// tells whether it is another than when it was asked last. A plan that is kept must then be recorded anew.
  void depend_on(std::function<bool()> changed) { dependencies_.push_back(std::move(changed)); }
  [[nodiscard]] const std::vector<std::function<bool()>>& dependencies() const { return dependencies_; }

  /// Its values and nodes stay where they are for as long as the tape lives.
  [[nodiscard]] const Program& program() const { return program_; }
  /// The handle of value `id`.
  [[nodiscard]] Var var(std::size_t id);
  /// Expires with the tape and is equal for no two tapes.
  [[nodiscard]] std::weak_ptr<const void> life() const { return life_; }

 private:
  friend class ModeScope;
  Var append(Value value);

  Mode mode_;
  Communicator ranks_;
  std::function<bool(const Tensor&)> may_change_;  // none: always
  Program program_;
  // Without elements, tensors of many types may lie at one address: the type is then part of the key.
  std::map<std::pair<const std::byte*, ValueType>, std::size_t> stored_;
  std::map<std::pair<std::uint64_t, DType>, std::size_t> constants_;  // by the bits of their values
  std::map<std::string, std::size_t, std::less<>> reports_;
  std::vector<std::function<bool()>> dependencies_;
  std::shared_ptr<const void> life_ = std::make_shared<int>();
};

/// Gives a tape another mode until the end of the scope. In training mode that was asked for so, layers
/// change all the state that they keep, whatever the tape was restricted to.
class ModeScope {
 public:
  ModeScope(Tape& tape, Mode mode)
      : tape_(tape),
        mode_(std::exchange(tape.mode_, mode)),
        may_change_(std::exchange(tape.may_change_, nullptr)) {}
  ~ModeScope() {
    tape_.mode_ = mode_;
    tape_.may_change_ = std::move(may_change_);
  }
  ModeScope(const ModeScope&) = delete;
  ModeScope& operator=(const ModeScope&) = delete;

 private:
  Tape& tape_;
  Mode mode_;
  std::function<bool(const Tensor&)> may_change_;
};

/// Records `op` on the tape of its first input: what the functions of ops/ call.
Var record(std::shared_ptr<const Operator> op, std::initializer_list<Var> inputs,
           const SourceLocation& where);

}  // namespace keel
