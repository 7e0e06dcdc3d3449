#include "keel/ops/loss.hpp"

#include <fmt/format.h>

#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

Var reduced(const Var& terms, Reduction reduction, const SourceLocation& where) {
  if (reduction == Reduction::none) return terms;
  return reduction == Reduction::sum ? sum(terms, {}, false, where) : mean(terms, {}, false, where);
}

void require_one_shape(std::string_view loss, const Var& prediction, const Var& target,
                       const SourceLocation& where) {
  if (prediction.shape() == target.shape()) return;
  throw ShapeError{fmt::format("{} at {}: the prediction is {} but the target is {}; give both one shape",
                               loss, describe(where), to_string(prediction.type()),
                               to_string(target.type()))};
}

}  // namespace keel
