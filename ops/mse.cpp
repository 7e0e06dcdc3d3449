#include "keel/ops/mse.hpp"

#include <fmt/format.h>

#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

Var mse(const Var& prediction, const Var& target, const SourceLocation& where) {
  if (prediction.shape() != target.shape()) {
    throw ShapeError{fmt::format("mse at {}: the prediction is {} but the target is {}; give both one shape",
                                 describe(where), to_string(prediction.type()), to_string(target.type()))};
  }
  return mean(square(subtract(prediction, target, where), where), {}, false, where);
}

}  // namespace keel
