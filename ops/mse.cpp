#include "keel/ops/mse.hpp"

#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"

namespace keel {

Var mse(const Var& prediction, const Var& target, const LossOptions& options, const SourceLocation& where) {
  require_one_shape("mse", prediction, target, where);
  return reduced(square(subtract(prediction, target, where), where), options.reduction, where);
}

}  // namespace keel
