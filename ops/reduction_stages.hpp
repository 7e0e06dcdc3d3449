#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/runtime/threads.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// A reduction of an array (outer, extent, inner) to (outer, inner).
struct ReductionStage {
  std::int64_t outer;
  std::int64_t extent;
  std::int64_t inner;
};

/// A reduction over any axes of a row-major array as reductions over one at a time, the last axes first;
/// neighbours that are both reduced or both kept count as one. `kept` is src's shape with extents of 1 along
/// the axes that are reduced. At least one stage, whose extent is 1 where there is nothing to reduce.
std::vector<ReductionStage> reduction_stages(const Shape& src, const Shape& kept);

/// The stages of a kernel, whose input may have its channels last: see `reduction_formats`.
std::vector<ReductionStage> reduction_stages(const Binding& binding, const Shape& kept);

/// Takes an input (N, C, H, W) as it lies where the result is the same either way: where all pixels or all
/// channels are reduced.
Formats reduction_formats(std::span<const MemoryFormat> present, const Shape& kept);

/// The kernel of one stage in f32.
using BindStage = std::function<Kernel(const ReductionStage& stage, Slot& src, Slot& dst)>;

/// Runs the stages one after another, from input 0 to output 0, with scratch memory in between.
Kernel bind_stages(const Binding& binding, std::span<const ReductionStage> stages, const BindStage& bind);

/// Calls `body(o)` for each o < stage.outer, in parts on several threads where that pays.
template <class Body>
void for_each_outer(const ReductionStage& stage, const Body& body) {
  constexpr std::int64_t elements_per_thread = 1 << 15;
  const auto grain = std::max<std::int64_t>(1, elements_per_thread / (stage.extent * stage.inner));
  parallel_for(stage.outer, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) body(o);
  });
}

}  // namespace keel

#pragma GCC visibility pop
