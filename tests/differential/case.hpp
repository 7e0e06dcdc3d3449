#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "keel/runtime/shape.hpp"

namespace keel::differential {

/// What the numbers of an input are like.
enum class ValueKind : std::uint8_t {
  normal,
  positive,       ///< the absolute values of normal ones, plus 0.1
  offset_1e3,     ///< normal around a thousand
  offset_1e4,     ///< normal around ten thousand
  ties,           ///< few small whole numbers
  zeros,          ///< and a sign of their own
  denormals,      ///< and smallest normal numbers
  huge,           ///< a large offset, 1e2 to 1e6, and a spread as large
  extreme,        ///< up to 1e30
  constant,       ///< one number, of many bits
  near_one,       ///< 1 and its neighbours
  with_infinity,  ///< normal, and a few infinities
  with_nan,       ///< normal, and one NaN
  labels,         ///< s32 classes, from 0 up to `classes`
};

/// How an input reaches the program, and whether its gradient is wanted.
enum class Role : std::uint8_t {
  input,      ///< bound, differentiated
  constant,   ///< bound, not differentiated
  parameter,  ///< stored, differentiated, changed by the update
};

struct CaseInput {
  Role role = Role::input;
  Shape shape;
  ValueKind values = ValueKind::normal;
  std::int64_t classes = 0;  ///< of labels
  bool operator==(const CaseInput&) const = default;
};

/// One call of an operator. Operands count the inputs first, then the steps' results.
struct CaseStep {
  std::string name;
  std::vector<std::size_t> operands;
  std::vector<double> options;
  bool operator==(const CaseStep&) const = default;
};

/// What the optimizer does with the gradients of the parameters.
struct CaseUpdate {
  std::string name;       ///< "sgd", "nesterov", "adam"; empty: none
  double momentum = 0.0;  ///< beta1 of Adam
  double weight_decay = 0.0;
  double max_norm = 0.0;  ///< that the gradients are clipped to; 0: not
  bool operator==(const CaseUpdate&) const = default;
};

/// A program of a few operators over random numbers, small enough to be read: what is tested, what a failure
/// prints and what shrinking edits. Everything else follows from it.
struct Case {
  std::uint64_t seed = 1;  ///< of the numbers
  std::vector<CaseInput> inputs;
  std::vector<CaseStep> steps;
  bool gradients = true;  ///< under a random upstream gradient of every result that no step reads
  CaseUpdate update;
  bool fused = true;  ///< with all fusion rules, else with none
  int threads = 1;
  bool operator==(const Case&) const = default;
};

std::string_view name_of(ValueKind kind);

/// The case in one line: "seed 7; in 9x16 normal; param 3x16 ties; linear 0 1; relu 2; gradients; sgd 0.9".
std::string to_text(const Case& description);
/// The case of such a line. Throws Error on what it can't read.
Case parse_case(std::string_view text);

}  // namespace keel::differential
