#include "keel/ops/rms_norm.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>

#include "keel/ops/term.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

Var rms_norm(const Var& src, const Var& gamma, std::optional<double> epsilon, const SourceLocation& where) {
  const auto refuse = [&](const std::string& reason) {
    throw ShapeError{fmt::format("rms_norm({}) at {}: {}", to_string(src.type()), describe(where), reason)};
  };
  const auto shape = src.shape();
  if (shape.rank() == 0 || shape[shape.rank() - 1] == 0)
    refuse("src must have features to normalize along its last axis");
  const ValueType features{Shape{shape[shape.rank() - 1]}, src.dtype()};
  if (gamma.defined() && gamma.type() != features)
    refuse(fmt::format("gamma must be {}, not {}", to_string(features), to_string(gamma.type())));
  const double smallest = src.dtype() == DType::f64
                              ? std::numeric_limits<double>::epsilon()
                              : static_cast<double>(std::numeric_limits<float>::epsilon());
  const double added = epsilon.value_or(smallest);
  if (!(added >= 0.0 && std::isfinite(added)))
    refuse(fmt::format("epsilon must be 0 or a positive number, not {}", added));

  const Term x{src, where};
  const Term dst = x / sqrt(square(x).mean({-1}) + added);
  return gamma.defined() ? (dst * Term{gamma, where}).var : dst.var;
}

}  // namespace keel
