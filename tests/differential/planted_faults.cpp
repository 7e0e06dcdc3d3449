#include "planted_faults.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "keel/ops/conv2d_op.hpp"

namespace keel::differential {
namespace {

/// Where a kernel's f32 arrays are.
struct Places {
  std::vector<SlotView<float>> inputs;
  std::vector<ValueType> input_types;
  SlotView<float> dst;
  ValueType dst_type;
  MemoryFormat dst_format;

  [[nodiscard]] std::span<float> output() const {
    return {dst.get(), static_cast<std::size_t>(dst_type.shape.elements())};
  }
  [[nodiscard]] std::span<float> input(std::size_t i) const {
    return {inputs[i].get(), static_cast<std::size_t>(input_types[i].shape.elements())};
  }
};

/// What runs instead of a kernel.
using Run = std::function<void()>;
using Spoil = std::function<Run(Run kernel, const Places& places)>;
using BindSpoiled = std::function<Kernel(const Operator& original, const Binding& binding)>;

// The operator as it is, but for its f32 kernel.
class Spoiled final : public Sabotaged {
 public:
  Spoiled(const std::shared_ptr<const Operator>& op, BindSpoiled bind)
      : Sabotaged(op), bind_(std::move(bind)) {}
  [[nodiscard]] std::string_view name() const override { return original()->name(); }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return original()->infer(inputs);
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override { return bind_(*original(), binding); }
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override {
    return original()->cost(inputs, outputs);
  }
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return original()->formats(inputs, present, outputs);
  }
  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType> inputs) const override {
    return original()->mutates(inputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t input) const override {
    return original()->may_overwrite(input);
  }

 private:
  BindSpoiled bind_;
};

Places places_of(const Binding& binding) {
  Places places{.inputs = {},
                .input_types = {},
                .dst = SlotView<float>{binding.output_slot(0)},
                .dst_type = binding.output_type(0),
                .dst_format = binding.output_format(0)};
  for (std::size_t i = 0; i < binding.inputs(); ++i) {
    places.inputs.emplace_back(binding.input_slot(i));
    places.input_types.push_back(binding.input_type(i));
  }
  return places;
}

PlantedFault fault_in_binding(std::string name, const std::string& op, const BindSpoiled& bind) {
  return {std::move(name), op, [op, bind](const std::shared_ptr<const Operator>& original) {
            std::shared_ptr<const Operator> spoiled;
            if (original->name() == op) spoiled = std::make_shared<Spoiled>(original, bind);
            return spoiled;
          }};
}

PlantedFault fault(std::string name, const std::string& op, Spoil spoil) {
  return fault_in_binding(std::move(name), op,
                          [spoil = std::move(spoil)](const Operator& original, const Binding& binding) {
                            auto kernel = original.bind(binding);
                            kernel.run = spoil(std::move(kernel.run), places_of(binding));
                            return kernel;
                          });
}

// Calls `change` after the kernel.
template <class Change>
Spoil afterwards(const Change& change) {
  return [change](const Run& kernel, const Places& places) {
    return [kernel, places, change] {
      kernel();
      change(places);
    };
  };
}

void wrong_tail(const Places& places) {
  const auto dst = places.output();
  if (dst.size() % 8 != 0) dst.back() *= 1.0F + 0x1p-12F;
}

void dropped_bias(const Places& places) {
  if (places.inputs.size() < 3) return;
  const auto dst = places.output();
  const auto bias = places.input(2);
  for (std::size_t i = 0; i < dst.size(); ++i)
    if (i % bias.size() >= bias.size() / 8 * 8) dst[i] -= bias[i % bias.size()];
}

// The last row is not written, so that it holds what was there before.
Run unwritten_row(const Run& kernel, const Places& places) {
  return [kernel, places] {
    const auto dst = places.output();
    const auto row = places.dst_type.shape.rank() == 0
                         ? 0
                         : static_cast<std::size_t>(places.dst_type.shape[places.dst_type.shape.rank() - 1]);
    const std::vector<float> before(dst.end() - static_cast<std::ptrdiff_t>(row), dst.end());
    kernel();
    std::ranges::copy(before, dst.end() - static_cast<std::ptrdiff_t>(row));
  };
}

Run stale_element(const Run& kernel, const Places& places) {
  return [kernel, places, last = std::vector<float>{}]() mutable {
    kernel();
    const auto dst = places.output();
    const float present = dst[0];
    if (!last.empty()) dst[0] = last[0];
    last = {present};
  };
}

Run added(const Run& kernel, const Places& places) {
  return [kernel, places] {
    const auto dst = places.output();
    const std::vector<float> before(dst.begin(), dst.end());
    kernel();
    for (std::size_t i = 0; i < dst.size(); ++i) dst[i] += before[i];
  };
}

// The last window of the first image is the one before it.
void window_too_early(const Places& places) {
  const auto& shape = places.dst_type.shape;
  const auto channels = static_cast<std::size_t>(shape[1]);
  const auto pixels = static_cast<std::size_t>(shape[2] * shape[3]);
  if (shape[3] < 2) return;
  const bool last = places.dst_format == MemoryFormat::channels_last;
  const auto place = [&](std::size_t channel, std::size_t pixel) {
    return last ? pixel * channels + channel : channel * pixels + pixel;
  };
  const auto dst = places.output();
  for (std::size_t c = 0; c < channels; ++c) dst[place(c, pixels - 1)] = dst[place(c, pixels - 2)];
}

void rounded_to_bf16(const Places& places) {
  auto& element = places.output()[places.output().size() / 2];
  element = std::bit_cast<float>(std::bit_cast<std::uint32_t>(element) & 0xFFFF0000U);
}

// Only where all is summed up, in the order in which it lies.
void one_accumulator(const Places& places) {
  if (places.output().size() != 1) return;
  float sum = 0.0F;
  for (const float value : places.input(0)) sum += value;
  places.output()[0] = sum;
}

void swallowed_nan(const Places& places) {
  for (auto& value : places.output()) value = std::isnan(value) ? 0.0F : value;
}

// Reads its first element once more when its result may lie there already.
void read_after_write(const Places& places) {
  if (!places.output().empty()) places.output()[0] = -places.input(0)[0];
}

void overwritten_input(const Places& places) {
  if (!places.input(1).empty()) places.input(1).back() += 1.0F;
}

// Where the result has the same size either way.
Kernel bind_swapped_stride(const Operator& original, const Binding& binding) {
  auto options = dynamic_cast<const Conv2dOp&>(original).options();
  std::swap(options.stride.height, options.stride.width);
  const Conv2dOp swapped{options};
  std::vector<ValueType> types;
  for (std::size_t i = 0; i < binding.inputs(); ++i) types.push_back(binding.input_type(i));
  const bool fits = swapped.infer(types)[0] == binding.output_type(0);
  return fits ? swapped.bind(binding) : original.bind(binding);
}

}  // namespace

std::vector<PlantedFault> planted_faults() {
  return {
      fault("one wrong element at a tail", "relu", afterwards(wrong_tail)),
      fault("a dropped bias in the last block", "linear", afterwards(dropped_bias)),
      fault("an uninitialised row", "add", unwritten_row),
      fault("a stale value from the last run", "tanh", stale_element),
      fault("an accumulation instead of an assignment", "matmul", added),
      fault("a window too early at the border", "average_pool2d", afterwards(window_too_early)),
      fault_in_binding("a swapped stride", "conv2d", bind_swapped_stride),
      fault("a rounding to bf16 of one element", "multiply", afterwards(rounded_to_bf16)),
      fault("a sum in one accumulator", "sum", afterwards(one_accumulator)),
      fault("a NaN swallowed", "square", afterwards(swallowed_nan)),
      fault("a read after a write in place", "negate", afterwards(read_after_write)),
      fault("a write into an input", "maximum", afterwards(overwritten_input)),
  };
}

}  // namespace keel::differential
