#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "keel/graph/plan.hpp"
#include "keel/graph/program.hpp"

namespace keel {

/// How a program is drawn.
struct DotOptions {
  std::string title;                ///< what stands above the picture; may have several lines
  std::optional<std::size_t> loss;  ///< of a training step: nodes behind the one that computes this value are
                                    ///< drawn as its backward pass, those that overwrite what the forward
                                    ///< pass reads as the update
};

/// A program as it was recorded, in Graphviz's language, to be drawn by `dot -Tsvg`: operators with the lines
/// that recorded them, edges with types, stored values by name beside each operator that reads or overwrites
/// them.
std::string to_dot(const Program& program, std::span<const std::size_t> outputs,
                   const DotOptions& options = {});

/// The same of a plan, as `Plan::run` goes through it: kernels with their implementations, and every
/// intermediate value with its place in the arena. The title is followed by the size of the arena and the
/// number of kernels.
std::string to_dot(const Plan& plan, const DotOptions& options = {});

}  // namespace keel
