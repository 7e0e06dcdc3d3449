#pragma once

#include <vector>

#include "case.hpp"
#include "keel/graph/tape.hpp"

namespace keel::differential {

/// Puts a case together step by step. Its numbers of values are the builder's own; `finish` gives the case its
/// numbering, all inputs first.
class Builder {
 public:
  std::size_t add_input(const CaseInput& input);
  /// Throws Error, and adds nothing, where the operator refuses such operands.
  std::size_t add_step(std::string name, const std::vector<std::size_t>& operands,
                       std::vector<double> options = {});

  [[nodiscard]] Shape shape(std::size_t value) const { return values_.at(value).var.shape(); }
  [[nodiscard]] std::size_t values() const { return values_.size(); }
  [[nodiscard]] bool is_f32(std::size_t value) const { return values_.at(value).var.dtype() == DType::f32; }
  [[nodiscard]] std::size_t steps() const { return case_.steps.size(); }
  [[nodiscard]] bool has_parameters() const;

  /// The case, but for its gradients, update and options of the run.
  [[nodiscard]] Case finish(std::uint64_t seed) const;

 private:
  struct BuiltValue {
    Var var;
    bool is_input;
    std::size_t place;  // among the inputs or the steps
  };
  Tape tape_;
  Case case_;
  std::vector<BuiltValue> values_;
};

}  // namespace keel::differential
