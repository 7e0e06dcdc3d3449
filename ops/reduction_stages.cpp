#include "keel/ops/reduction_stages.hpp"

#include <string>
#include <utility>

namespace keel {
namespace {

struct Group {
  bool reduced;
  std::int64_t length;
};

std::vector<Group> groups_of(const Shape& src, const Shape& kept) {
  std::vector<Group> groups;
  for (std::size_t axis = 0; axis < src.rank(); ++axis) {
    if (src[axis] == 1) continue;
    const bool reduced = kept[axis] == 1;
    if (groups.empty() || groups.back().reduced != reduced) groups.push_back({reduced, 1});
    groups.back().length *= src[axis];
  }
  return groups;
}

Shape channels_to_the_back(const Shape& shape) {
  return {shape[0], shape[2], shape[3], shape[1]};
}

}  // namespace

std::vector<ReductionStage> reduction_stages(const Shape& src, const Shape& kept) {
  std::vector<ReductionStage> stages;
  std::int64_t outer = src.elements();
  std::int64_t inner = 1;
  const auto groups = groups_of(src, kept);
  for (std::size_t left = groups.size(); left > 0; --left) {
    const auto& group = groups[left - 1];
    outer /= group.length;
    if (group.reduced) {
      stages.push_back({outer, group.length, inner});
    } else {
      inner *= group.length;
    }
  }
  if (stages.empty()) stages.push_back({1, 1, inner});
  return stages;
}

std::vector<ReductionStage> reduction_stages(const Binding& binding, const Shape& kept) {
  const auto& src = binding.input_type(0).shape;
  if (binding.input_format(0) == MemoryFormat::row_major) return reduction_stages(src, kept);
  return reduction_stages(channels_to_the_back(src), channels_to_the_back(kept));
}

Formats reduction_formats(std::span<const MemoryFormat> present, const Shape& kept) {
  const bool same_either_way = kept.rank() == 4 && (kept[1] == 1 || kept[2] * kept[3] == 1);
  return {{same_either_way ? present[0] : MemoryFormat::row_major}, {MemoryFormat::row_major}};
}

Kernel bind_stages(const Binding& binding, std::span<const ReductionStage> stages, const BindStage& bind) {
  std::vector<std::function<void()>> runs;
  std::string implementation;
  Slot* src = &binding.input_slot(0);
  for (const auto& stage : stages) {
    const bool is_last = &stage == &stages.back();
    const auto bytes = static_cast<std::size_t>(stage.outer * stage.inner) * sizeof(float);
    Slot* dst = is_last ? &binding.output_slot(0) : binding.scratch(bytes);
    auto kernel = bind(stage, *src, *dst);
    implementation += (runs.empty() ? "" : ", ") + kernel.implementation;
    runs.push_back(std::move(kernel.run));
    src = dst;
  }
  if (runs.size() == 1) return {std::move(runs[0]), implementation};
  return {[runs = std::move(runs)] {
            for (const auto& run : runs) run();
          },
          implementation};
}

}  // namespace keel
