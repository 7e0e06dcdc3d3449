// Sums and the like over axes.

#include <array>
#include <functional>
#include <numeric>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/indexing.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/softmax.hpp"

namespace keel::onnx {
namespace {

using Reduction = Var (*)(const Var& src, const Axes& axes, bool keep_axes, const SourceLocation& where);
using Function = Var (*)(const Var& src, const SourceLocation& where);

Var as_is(const Var& src, const SourceLocation&) {
  return src;
}

// after(reduction(before(src))); where there are no axes and nothing to be reduced, that of each element
// alone.
template <Reduction reduction, Function before, Function after>
void reduce(Call& call) {
  const auto given = call.setting_or_input("axes", 1);
  const bool keep = call.flag("keepdims", true);
  const bool none = !given || given->empty();
  const Var src = before(call.real(0), call.where());
  if (none && call.flag("noop_with_empty_axes")) return call.give(after(src, call.where()));
  Axes axes(src.shape().rank());
  std::iota(axes.begin(), axes.end(), 0);
  if (!none) axes = *given;
  // (Sanitizers make comparisons of functions no constant expressions.)
  const bool has_empty = reduction == static_cast<Reduction>(sum) ||
                         reduction == static_cast<Reduction>(mean) ||
                         reduction == static_cast<Reduction>(prod);
  for (const auto axis : axes)
    if (!has_empty && src.shape()[axis_of(axis, src.shape())] == 0)
      call.refuse("keel has no extreme of no elements");
  const Var reduced = axes.empty() ? src : reduction(src, axes, keep, call.where());
  call.give(after(reduced, call.where()));
}

void reduce_product(Call& call) {
  const auto given = call.setting_or_input("axes", 1);
  if (!call.is_known(0) || is_real(call.element(0))) return reduce<prod, as_is, as_is>(call);
  if ((given && *given != Axes{0}) || call.rank(0) != 1)
    call.refuse("keel multiplies floats and doubles alone");
  const auto& numbers = call.known(0).numbers;
  std::uint64_t product = 1;
  for (const auto number : numbers) product *= static_cast<std::uint64_t>(number);
  const std::vector<std::int64_t> extents(call.flag("keepdims", true) ? 1 : 0, 1);
  call.give_integers({static_cast<std::int64_t>(product)}, extents, call.element(0));
}

using Place = Var (*)(const Var& src, std::int64_t axis, const SourceLocation& where);

template <Place place>
void place_of_extreme(Call& call) {
  const Var src = call.real(0);
  const auto axis = call.integer("axis", 0);
  Var found;
  if (call.flag("select_last_index")) {  // of several, that is the first one from the back
    const auto count = src.shape()[axis_of(axis, src.shape())];
    call.spend(count);
    std::vector<std::int32_t> from_back(static_cast<std::size_t>(count));
    std::iota(from_back.rbegin(), from_back.rend(), 0);
    const Var table =
        call.tape().stored(Tensor::of<std::int32_t>(Shape{count}, std::span<const std::int32_t>{from_back}));
    found = take(table, place(flip(src, {axis}, call.where()), axis, call.where()), 0, call.where());
  } else {
    found = place(src, axis, call.where());
  }
  const bool keep = call.flag("keepdims", true);
  call.give(0, keep ? reshape_to(found, with_ones(src.shape(), {axis}), call.where()) : found, Element::s64);
}

}  // namespace

std::span<const OperatorEntry> reduction_operators() {
  static constexpr std::array entries{
      OperatorEntry{"ReduceSum", 1, 2, 1, reduce<sum, as_is, as_is>},
      OperatorEntry{"ReduceMean", 1, 2, 1, reduce<mean, as_is, as_is>},
      OperatorEntry{"ReduceMax", 1, 2, 1, reduce<max, as_is, as_is>},
      OperatorEntry{"ReduceMin", 1, 2, 1, reduce<min, as_is, as_is>},
      OperatorEntry{"ReduceProd", 1, 2, 1, reduce_product},
      OperatorEntry{"ReduceL1", 1, 2, 1, reduce<sum, abs, as_is>},
      OperatorEntry{"ReduceL2", 1, 2, 1, reduce<sum, square, sqrt>},
      OperatorEntry{"ReduceSumSquare", 1, 2, 1, reduce<sum, square, as_is>},
      OperatorEntry{"ReduceLogSum", 1, 2, 1, reduce<sum, as_is, log>},
      OperatorEntry{"ReduceLogSumExp", 1, 2, 1, reduce<log_sum_exp, as_is, as_is>},
      OperatorEntry{"ArgMax", 1, 1, 1, place_of_extreme<argmax>},
      OperatorEntry{"ArgMin", 1, 1, 1, place_of_extreme<argmin>},
  };
  return entries;
}

}  // namespace keel::onnx
