#include "keel/ops/dropout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/graph/tape.hpp"
#include "keel/ops/random_mask.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

void require_rate(double rate) {
  if (rate >= 0.0 && rate < 1.0) return;
  throw ShapeError{fmt::format("the rate must be in [0, 1), not {}", rate)};
}

// Random words below it mean 0.
std::uint32_t threshold_of(double rate) {
  return static_cast<std::uint32_t>(std::min(std::round(rate * 0x1p32), 0x1p32 - 1));
}

// The chunks of a mask that make a thread worth starting.
constexpr std::int64_t chunks_per_thread = 256;

// A mask for `dropout`: u8 of the given shape, 0 or 1. Input: the stream, which it advances. It has no
// derivative and needs none.
class DropoutMaskOp final : public Operator {
 public:
  DropoutMaskOp(Shape shape, double rate, std::uint32_t rank) : shape_(shape), rate_(rate), rank_(rank) {}
  [[nodiscard]] std::string_view name() const override { return "dropout_mask"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_rate(rate_);
    require_dtype(inputs[0], DType::s32, "stream");
    require_shape(inputs[0], Shape{dropout_stream_words}, "stream");
    return {{shape_, DType::u8}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return {[rank = rank_, threshold = threshold_of(rate_), count = shape_.elements(),
             stream = binding.input<std::int32_t>(0), mask = binding.output<std::uint8_t>(0)] {
              const auto word = [&](std::size_t i) { return static_cast<std::uint32_t>(stream.get()[i]); };
              const loops::MaskStream key{word(0), word(1), word(2), word(3) + rank};
              constexpr auto chunk = loops::mask_chunk;
              parallel_for((count + chunk - 1) / chunk, chunks_per_thread,
                           [&](std::int64_t first, std::int64_t last) {
                             loops::random_mask(key, first * chunk, std::min(last * chunk, count), threshold,
                                                mask.get());
                           });
              const auto next = (static_cast<std::uint64_t>(word(3)) << 32U | word(2)) + 1;
              stream.get()[2] = static_cast<std::int32_t>(static_cast<std::uint32_t>(next));
              stream.get()[3] = static_cast<std::int32_t>(static_cast<std::uint32_t>(next >> 32U));
            },
            "loop"};
  }

  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override { return {0}; }

 private:
  Shape shape_;
  double rate_;
  std::uint32_t rank_;  // takes another part of the stream, far behind
};

// dst = src * mask / (1 - rate); its own derivative, under the same mask. Inputs: src, mask. Images have to
// be row-major, as their mask is.
class DropoutOp final : public Operator {
 public:
  explicit DropoutOp(double rate) : rate_(rate) {}
  [[nodiscard]] std::string_view name() const override { return "dropout"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_rate(rate_);
    require_same_float(inputs.first(1));
    require_dtype(inputs[1], DType::u8, "mask");
    require_shape(inputs[1], inputs[0].shape, "mask");
    return {inputs[0]};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.output_type(0).dtype == DType::f64 ? loop<double>(binding) : loop<float>(binding);
  }

  // Linear in src, element by element.
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {record(std::make_shared<DropoutOp>(rate_), {context.output_grads[0], context.inputs[1]},
                   context.where),
            Var{}};
  }

  [[nodiscard]] bool may_overwrite(std::size_t input) const override { return input == 0; }

 private:
  // A product, not a choice: what is not finite stays so, and is reported where statistics or updates see it.
  template <class T>
  [[nodiscard]] Kernel loop(const Binding& binding) const {
    return {[scale = static_cast<T>(1.0 / (1.0 - rate_)), count = binding.output_type(0).shape.elements(),
             src = binding.input<const T>(0), mask = binding.input<const std::uint8_t>(1),
             dst = binding.output<T>(0)] {
              constexpr std::int64_t elements_per_thread = 16384;
              parallel_for(count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                  dst.get()[i] = src.get()[i] * (static_cast<T>(mask.get()[i]) * scale);
              });
            },
            "loop"};
  }

  double rate_;
};

}  // namespace

Var dropout(const Var& src, double rate, const Var& stream, const SourceLocation& where) {
  const auto rank = static_cast<std::uint32_t>(src.tape().ranks().rank());
  const Var mask = record(std::make_shared<DropoutMaskOp>(src.shape(), rate, rank), {stream}, where);
  return record(std::make_shared<DropoutOp>(rate), {src, mask}, where);
}

}  // namespace keel
