#include "keel/ops/reduce.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <numeric>

#include "keel/graph/tape.hpp"
#include "keel/ops/broadcasting.hpp"
#include "keel/ops/channel_loops.hpp"
#include "keel/ops/channel_tiles.hpp"
#include "keel/ops/reduce_op.hpp"
#include "keel/ops/reduction_stages.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

void require_stretches(const Shape& from, const Shape& to) {
  if (broadcast(from, to) == to) return;
  throw ShapeError{fmt::format("{} does not stretch to {}", to_string(from), to_string(to))};
}

Kernel reference_reduce(const Binding& binding, const Shape& kept, double scale) {
  return {[src = binding.input<const double>(0), dst = binding.output<double>(0), scale,
           src_shape = binding.input_type(0).shape, kept] {
            std::fill_n(dst.get(), kept.elements(), 0.0);
            const auto count = src_shape.elements();
            for (std::int64_t i = 0; i < count; ++i) {
              dst.get()[broadcast_index(i, src_shape, kept)] += scale * src.get()[i];
            }
          },
          "reference"};
}

// A row or a matrix of more elements is cut into pieces, which threads share.
constexpr std::int64_t elements_a_piece = 1 << 15;

// (outer, extent) to (outer). The sums are taken in double, whose rounding does not show for any number of
// terms that memory holds.
Kernel sum_rows(const ReductionStage& stage, Slot& src, Slot& dst, double scale, const Binding& binding) {
  const auto pieces = (stage.extent + elements_a_piece - 1) / elements_a_piece;
  const SlotView<double> partial{*binding.scratch(static_cast<std::size_t>(pieces) * sizeof(double))};
  return {[stage, scale, pieces, partial, src = SlotView<const float>{src}, dst = SlotView<float>{dst}] {
            if (pieces == 1) {
              for_each_outer(stage, [&](std::int64_t o) {
                const double sum = loops::sum_of(src.get() + o * stage.extent, stage.extent);
                dst.get()[o] = static_cast<float>(scale * sum);
              });
              return;
            }
            for (std::int64_t o = 0; o < stage.outer; ++o) {
              const float* row = src.get() + o * stage.extent;
              parallel_for(pieces, 1, [&](std::int64_t first, std::int64_t last) {
                for (auto i = first; i < last; ++i) {
                  const auto begin = i * elements_a_piece;
                  const auto length = std::min(elements_a_piece, stage.extent - begin);
                  partial.get()[i] = loops::sum_of(row + begin, length);
                }
              });
              dst.get()[o] =
                  static_cast<float>(scale * std::accumulate(partial.get(), partial.get() + pieces, 0.0));
            }
          },
          "loop"};
}

// (extent, inner) to (inner), of few elements.
void sum_columns(const float* src, std::int64_t extent, std::int64_t inner, double scale, float* dst) {
  constexpr std::int64_t most = 256;
  std::array<double, most> sums{};
  for (std::int64_t begin = 0; begin < inner; begin += most) {
    const auto width = std::min(most, inner - begin);
    std::fill_n(sums.begin(), width, 0.0);
    loops::add_rows(src + begin, {.count = extent, .width = width, .stride = inner}, sums.data());
    std::transform(sums.begin(), sums.begin() + width, dst + begin,
                   [scale](double sum) { return static_cast<float>(scale * sum); });
  }
}

// (outer, extent, inner) to (outer, inner): bias gradients, say.
Kernel sum_columns(const ReductionStage& stage, Slot& src, Slot& dst, double scale, const Binding& binding) {
  const auto size = stage.extent * stage.inner;
  if (size <= elements_a_piece) {
    return {[stage, size, scale, src = SlotView<const float>{src}, dst = SlotView<float>{dst}] {
              for_each_outer(stage, [&](std::int64_t o) {
                sum_columns(src.get() + o * size, stage.extent, stage.inner, scale,
                            dst.get() + o * stage.inner);
              });
            },
            "loop"};
  }
  const auto tiles =
      std::make_shared<ChannelTiles>(Shape{stage.extent, stage.inner}, MemoryFormat::row_major);
  return {[stage, size, scale, tiles, scratch = SlotView<double>{*binding.scratch(tiles->sum_scratch())},
           src = SlotView<const float>{src}, dst = SlotView<float>{dst}] {
            for (std::int64_t o = 0; o < stage.outer; ++o)
              tiles->sum(src.get() + o * size, scale, scratch.get(), dst.get() + o * stage.inner);
          },
          "loop"};
}

// A sum of nothing is 0, a mean of nothing 0 / 0.
template <class T>
Kernel reduce_nothing(const Binding& binding, bool is_mean) {
  return {[dst = binding.output<T>(0), count = binding.output_type(0).shape.elements(),
           value = is_mean ? std::numeric_limits<T>::quiet_NaN() : T{0}] {
            std::fill_n(dst.get(), count, value);
          },
          "loop"};
}

// `scale` is 1 or, for a mean, 1 over the number of elements that it is taken of.
template <class T>
Kernel broadcast_loop(const Binding& binding, T scale) {
  const auto& shape = binding.output_type(0).shape;
  const auto part = padded(binding.input_type(0).shape, shape.rank());
  return {[src = binding.input<const T>(0), dst = binding.output<T>(0), scale, shape, part,
           runs = runs_of(shape, part)] {
            const auto count = shape.elements();
            for (std::int64_t begin = 0; begin < count; begin += runs.length) {
              const T* from = src.get() + broadcast_index(begin, shape, part);
              T* to = dst.get() + begin;
              if (runs.stretched) {
                std::fill_n(to, runs.length, static_cast<T>(scale * *from));
              } else {
                for (std::int64_t i = 0; i < runs.length; ++i) to[i] = static_cast<T>(scale * from[i]);
              }
            }
          },
          "loop"};
}

double terms_per_element(const Shape& src, const Shape& kept) {
  return static_cast<double>(src.elements()) / static_cast<double>(kept.elements());
}

// The operator behind `broadcast_to`; multiplies by `scale` on the way.
class BroadcastOp final : public Operator {
 public:
  explicit BroadcastOp(Shape dst, double scale = 1.0) : dst_(dst), scale_(scale) {}
  [[nodiscard]] std::string_view name() const override { return "broadcast_to"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &BroadcastOp::dst_, &BroadcastOp::scale_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"scale", scale_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    if (scale_ != 1.0) require_same_float(inputs);
    require_stretches(inputs[0].shape, dst_);
    return {{dst_, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    switch (binding.output_type(0).dtype) {
      case DType::f64:
        return broadcast_loop<double>(binding, scale_);
      case DType::s32:
        return broadcast_loop<std::int32_t>(binding, 1);
      case DType::u8:
        return broadcast_loop<std::uint8_t>(binding, 1);
      case DType::f32:
        break;
    }
    return broadcast_loop<float>(binding, static_cast<float>(scale_));
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const Var summed = sum_to(context.output_grads[0], context.inputs[0].shape(), context.where);
    if (scale_ == 1.0) return {summed};
    return {record(std::make_shared<BroadcastOp>(summed.shape(), scale_), {summed}, context.where)};
  }

 private:
  Shape dst_;
  double scale_;
};

}  // namespace

std::string_view ReduceOp::name() const {
  if (stretched_) return "sum_to";
  return kind_ == Kind::sum ? "sum" : "mean";
}

Shape ReduceOp::kept(const Shape& src) const {
  if (!stretched_) return with_ones(src, axes_);
  require_stretches(*stretched_, src);
  return padded(*stretched_, src.rank());
}

std::vector<ValueType> ReduceOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  const auto& src = inputs[0].shape;
  const Shape with_axes = kept(src);
  if (stretched_) return {{*stretched_, inputs[0].dtype}};
  return {{keep_axes_ ? with_axes : without(src, axes_), inputs[0].dtype}};
}

Kernel ReduceOp::bind(const Binding& binding) const {
  const auto& src_type = binding.input_type(0);
  const Shape with_axes = kept(src_type.shape);
  const bool is_mean = kind_ == Kind::mean;
  if (src_type.shape.elements() == 0) {
    return src_type.dtype == DType::f64 ? reduce_nothing<double>(binding, is_mean)
                                        : reduce_nothing<float>(binding, is_mean);
  }
  if (src_type.dtype == DType::f64) {
    return reference_reduce(binding, with_axes,
                            is_mean ? 1.0 / terms_per_element(src_type.shape, with_axes) : 1.0);
  }
  const auto bind_stage = [&](const ReductionStage& stage, Slot& src, Slot& dst) {
    const double scale = is_mean ? 1.0 / static_cast<double>(stage.extent) : 1.0;
    return stage.inner > 1 ? sum_columns(stage, src, dst, scale, binding)
                           : sum_rows(stage, src, dst, scale, binding);
  };
  return bind_stages(binding, reduction_stages(binding, with_axes), bind_stage);
}

Formats ReduceOp::formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                          std::span<const ValueType>) const {
  return reduction_formats(present, kept(inputs[0].shape));
}

// Each element of src is a term of one of dst's, at a weight of 1 or, in a mean, 1 over the number of terms.
std::vector<Var> ReduceOp::vjp(const VjpContext& context) const {
  const Shape src = context.inputs[0].shape();
  const Shape with_axes = kept(src);
  Var grad = context.output_grads[0];
  if (padded(grad.shape(), src.rank()) != with_axes) grad = reshape_to(grad, with_axes, context.where);
  const double scale = kind_ == Kind::mean ? 1.0 / terms_per_element(src, with_axes) : 1.0;
  return {record(std::make_shared<BroadcastOp>(src, scale), {grad}, context.where)};
}

Var sum(const Var& src, const Axes& axes, bool keep_axes, const SourceLocation& where) {
  return record(std::make_shared<ReduceOp>(ReduceOp::Kind::sum, axes, keep_axes), {src}, where);
}

Var mean(const Var& src, const Axes& axes, bool keep_axes, const SourceLocation& where) {
  return record(std::make_shared<ReduceOp>(ReduceOp::Kind::mean, axes, keep_axes), {src}, where);
}

Var sum_to(const Var& src, const Shape& shape, const SourceLocation& where) {
  if (src.shape() == shape) return src;
  return record(std::make_shared<ReduceOp>(shape), {src}, where);
}

Var broadcast_to(const Var& src, const Shape& shape, const SourceLocation& where) {
  return record(std::make_shared<BroadcastOp>(shape), {src}, where);
}

}  // namespace keel
