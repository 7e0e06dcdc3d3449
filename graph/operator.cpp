#include "keel/graph/operator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "keel/runtime/buffer.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

Slot* Binding::scratch(std::size_t bytes) const {
  if (bytes == 0) return nullptr;
  const bool is_first = scratch_.size() == first_scratch_;
  const std::size_t offset = is_first ? 0 : scratch_.back().offset + aligned(scratch_.back().bytes);
  scratch_.push_back({std::make_unique<Slot>(), offset, bytes});
  return scratch_.back().slot.get();
}

void Binding::require(bool dtype_matches) {
  if (!dtype_matches) throw Error{"a kernel asked for a value as another element type than it has"};
}

std::vector<Var> Operator::expand(std::span<const Var>, const SourceLocation&) const {
  return {};
}

Cost Operator::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost;
  for (const auto& types : {inputs, outputs}) {
    for (const auto& type : types) cost.bytes += static_cast<double>(type.bytes());
  }
  return cost;
}

Formats Operator::formats(std::span<const ValueType> inputs, std::span<const MemoryFormat>,
                          std::span<const ValueType> outputs) const {
  return {std::vector(inputs.size(), MemoryFormat::row_major),
          std::vector(outputs.size(), MemoryFormat::row_major)};
}

Kernel zeros(const Binding& binding) {
  std::vector<std::pair<const Slot*, std::size_t>> outputs;
  for (std::size_t i = 0; i < binding.outputs(); ++i) {
    outputs.emplace_back(&binding.output_slot(i), binding.output_type(i).bytes());
  }
  return {[outputs = std::move(outputs)] {
            for (const auto& [slot, bytes] : outputs) {
              std::fill_n(static_cast<std::byte*>(slot->data()), bytes, std::byte{0});
            }
          },
          "loop"};
}

Formats formats_alike(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                      std::span<const ValueType> outputs) {
  const bool channels_last = std::ranges::count(present, MemoryFormat::channels_last) > 0;
  const auto formats_of = [&](std::span<const ValueType> types) {
    std::vector<MemoryFormat> formats;
    for (const auto& type : types) {
      formats.push_back(channels_last && type.shape.rank() == 4 ? MemoryFormat::channels_last
                                                                : MemoryFormat::row_major);
    }
    return formats;
  };
  return {formats_of(inputs), formats_of(outputs)};
}

}  // namespace keel
