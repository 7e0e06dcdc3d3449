#pragma once

#include <span>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The sum of src over the ranks of its tape, the same bits on each; src itself where there is one. All ranks must
/// record the same, of one shape, f32 or f64.
///
/// Derivatives are those of the sum of all ranks' results: what flows back to src is the sum of what every rank
/// sends back to its own.
Var all_reduce(const Var& src, const SourceLocation& where = SourceLocation::current());

/// The same of several values at once, such as gradients: small ones together in one message, large ones each as soon
/// as it is there, while the program goes on.
std::vector<Var> all_reduce(std::span<const Var> values,
                            const SourceLocation& where = SourceLocation::current());

}  // namespace keel
