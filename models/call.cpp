#include "keel/models/call.hpp"

#include <fmt/format.h>

#include "keel/graph/tape.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel::detail {

void refuse_inputs(std::size_t given, std::size_t taken, const SourceLocation& where) {
  throw Error{
      fmt::format("the step made at {} was given {}, but its model alone takes {}: "
                  "give the model's inputs first, then the loss's targets",
                  describe(where), counted(given, "array"), taken)};
}

void refuse_targets(std::size_t given, const SourceLocation& where) {
  throw Error{
      fmt::format("the loss of the step made at {} can't be called with the predictions and {}: "
                  "give a step the model's inputs first, then the loss's targets",
                  describe(where), counted(given, "target"))};
}

void refuse_moved() {
  throw Error{
      "a training step, an inference or a compiled function was used that was moved away: "
      "use the one that it was moved into"};
}

// The output of a plan is a view only where it is no view of something else: it has memory of its own.
Var computed(const Var& value, const SourceLocation& where) {
  const auto& [type, kind, name, storage, format] = value.tape().program().values[value.id()];
  if (kind == ValueKind::intermediate) return value;
  const auto extents = type.shape.extents();
  return reshape(value, {extents.begin(), extents.end()}, where);
}

}  // namespace keel::detail
