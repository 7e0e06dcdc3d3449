#include "keel/graph/memory_plan.hpp"

#include <algorithm>
#include <numeric>

#include "keel/runtime/buffer.hpp"

namespace keel {

MemoryPlan plan_memory(std::span<const Block> blocks) {
  std::vector<std::size_t> by_size(blocks.size());
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::ranges::stable_sort(by_size, std::ranges::greater{}, [&](auto i) { return blocks[i].bytes; });

  MemoryPlan plan{std::vector<std::size_t>(blocks.size()), 0};
  std::vector<std::size_t> placed;  // ordered by offset
  for (const auto index : by_size) {
    const auto& block = blocks[index];
    const std::size_t bytes = aligned(block.bytes);
    std::size_t offset = 0;
    for (const auto other : placed) {
      if (blocks[other].last < block.first || block.last < blocks[other].first) continue;
      if (offset + bytes <= plan.offsets[other]) break;
      offset = std::max(offset, plan.offsets[other] + aligned(blocks[other].bytes));
    }
    plan.offsets[index] = offset;
    plan.bytes = std::max(plan.bytes, offset + bytes);
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [&](auto i) { return plan.offsets[i]; }),
                  index);
  }
  return plan;
}

}  // namespace keel
