#pragma once

#include <memory>
#include <vector>

#include "case.hpp"
#include "keel/graph/tape.hpp"

namespace keel::differential {

/// A case on a tape.
struct RecordedCase {
  std::unique_ptr<Tape> tape;
  std::vector<Var> values;   ///< the case's: its inputs, then what its steps give
  std::vector<Var> outputs;  ///< for a plan: what no step reads, and gradients that no update consumes
  std::vector<std::pair<Var, Tensor>> bound;  ///< inputs with their numbers
};

/// Records inputs and steps alone, without gradients: what a generator needs to go on from.
RecordedCase record_steps(const Case& description);
/// Records all of a case. Throws Error where it makes no sense, which generating and shrinking find out so.
RecordedCase record_case(const Case& description);

}  // namespace keel::differential
