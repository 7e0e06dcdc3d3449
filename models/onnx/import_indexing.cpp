// Parts of arrays, by ranges and by indices.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/cumsum.hpp"
#include "keel/ops/indexing.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/transpose.hpp"

namespace keel::onnx {
namespace {

using Numbers = std::vector<std::int64_t>;

struct Range {
  std::size_t axis;
  std::int64_t begin, step, count;
};

// As NumPy clips bounds.
Range range_of(const Call& call, std::int64_t extent, std::size_t axis, std::int64_t start, std::int64_t end,
               const std::int64_t step) {
  if (step == 0) call.fail("a step of 0 leads nowhere");
  const auto bound = [extent, step](std::int64_t at) {
    const auto from_front = at < 0 ? std::max(at, -extent - 1) + extent : at;
    return step > 0 ? std::clamp<std::int64_t>(from_front, 0, extent)
                    : std::clamp<std::int64_t>(from_front, -1, extent - 1);
  };
  // -1 means the last element also for negative steps; what is below -extent is before the first one.
  const auto begin = bound(start);
  const auto last = bound(end);
  const auto magnitude =
      step < 0 ? (step == std::numeric_limits<std::int64_t>::min() ? extent + 1 : -step) : step;
  const auto length = step > 0 ? last - begin : begin - last;
  const auto count = length <= 0 ? 0 : (length - 1) / magnitude + 1;
  return {axis, begin, count <= 1 ? 1 : step, count};
}

void give_range(Call& call, Var& src, const Range& range) {
  const auto axis = static_cast<std::int64_t>(range.axis);
  if (range.count == src.shape()[range.axis] && range.step == 1) return;
  if (range.count == 0) call.refuse("keel has no empty part of an array");
  const auto last = range.begin + (range.count - 1) * range.step;
  if (range.step == 1) {
    src = slice(src, axis, range.begin, last + 1, call.where());
    return;
  }
  const auto end = last + (range.step > 0 ? 1 : -1);
  src =
      slice(src, axis,
            SliceRange{
                .begin = range.begin, .end = end < 0 ? std::nullopt : std::optional{end}, .step = range.step},
            call.where());
}

void slice_of(Call& call) {
  const bool by_setting = call.opset() < 10;
  const auto starts = by_setting ? call.integers("starts", {}) : call.known_integers(1);
  const auto ends = by_setting ? call.integers("ends", {}) : call.known_integers(2);
  Numbers axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  Numbers steps(starts.size(), 1);
  if (by_setting) axes = call.integers("axes", axes);
  if (!by_setting && call.has(3)) axes = call.known_integers(3);
  if (!by_setting && call.has(4)) steps = call.known_integers(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    call.fail("its starts, ends, axes and steps are not as many");
  const auto extents = call.extents(0);
  const Shape shape{extents};
  if (call.is_known(0) && !is_real(call.element(0)) && extents.size() == 1 && starts.size() == 1) {
    const auto range = range_of(call, extents[0], 0, starts[0], ends[0], steps[0]);
    Numbers numbers;
    for (std::int64_t i = 0; i < range.count; ++i)
      numbers.push_back(call.known(0).numbers[static_cast<std::size_t>(range.begin + i * range.step)]);
    return call.give_integers(numbers, {range.count}, call.element(0));
  }
  Var src = call.var(0);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto axis = axis_of(axes[i], shape);
    give_range(call, src, range_of(call, shape[axis], axis, starts[i], ends[i], steps[i]));
  }
  call.give(src);
}

// Indices that are known may be of a type of their own: they are checked here, as keel checks others when
// it runs.
void require_indices(const Call& call, std::size_t input, std::int64_t extent) {
  if (!call.is_known(input)) return;
  for (const auto index : call.known_integers(input))
    if (index < -extent || index >= extent)
      call.fail(fmt::format("index {} is out of range: there are {} elements", index, extent));
}

// Indices as keel wants them: not negative.
Var indices_of(Call& call, std::size_t input, std::int64_t extent) {
  if (is_real(call.element(input))) call.refuse("keel looks up by integers alone");
  require_indices(call, input, extent);
  if (!call.is_known(input)) return call.var(input);
  const auto& known = call.known(input);
  std::vector<std::int32_t> numbers;
  if (extent > std::numeric_limits<std::int32_t>::max()) call.refuse("keel's indices are s32");
  for (const auto index : known.numbers)
    numbers.push_back(static_cast<std::int32_t>(index < 0 ? index + extent : index));
  return call.tape().stored(
      Tensor::of<std::int32_t>(Shape{known.extents}, std::span<const std::int32_t>{numbers}));
}

void gather_of(Call& call) {
  const auto extents = call.extents(0);
  const Shape shape{extents};
  const auto axis = axis_of(call.integer("axis", 0), shape);
  const bool is_list =
      call.is_known(0) && !is_real(call.element(0)) && extents.size() == 1 && call.is_known(1);
  if (is_list) {
    require_indices(call, 1, extents[0]);
    Numbers numbers;
    for (const auto index : call.known(1).numbers)
      numbers.push_back(
          call.known(0).numbers[static_cast<std::size_t>(index < 0 ? index + extents[0] : index)]);
    return call.give_integers(numbers, call.known(1).extents, call.element(0));
  }
  const auto indices = indices_of(call, 1, shape[axis]);
  call.give(take(call.var(0), indices, static_cast<std::int64_t>(axis), call.where()));
}

void gather_elements(Call& call) {
  const Shape shape{call.extents(0)};
  const auto axis = axis_of(call.integer("axis", 0), shape);
  call.give(
      gather(call.real(0), indices_of(call, 1, shape[axis]), static_cast<std::int64_t>(axis), call.where()));
}

// Tuples of indices are made numbers of elements, or of what lies behind them, where they are known.
void gather_nd(Call& call) {
  const auto src = call.extents(0);
  const auto& indices = call.known(1);
  const auto batch = static_cast<std::size_t>(std::max<std::int64_t>(call.integer("batch_dims", 0), 0));
  if (indices.extents.empty()) call.fail("its indices have no axes");
  const auto depth = static_cast<std::size_t>(indices.extents.back());
  if (batch >= indices.extents.size() || batch + depth > src.size())
    call.fail("its indices have too many axes");
  const auto product = [](const auto& begin, const auto& end) {
    return std::accumulate(begin, end, std::int64_t{1}, std::multiplies<>{});
  };
  const auto at = [](std::size_t i) { return static_cast<std::ptrdiff_t>(i); };
  const auto behind = product(src.begin() + at(batch + depth), src.end());
  const auto within = product(src.begin() + at(batch), src.begin() + at(batch + depth));
  const auto batches = product(src.begin(), src.begin() + at(batch));
  const auto tuples = depth == 0 ? 0 : indices.numbers.size() / depth;
  if (batches <= 0 || tuples % static_cast<std::size_t>(batches) != 0)
    call.fail("its indices do not fit its batch");
  std::vector<std::int32_t> numbers;
  for (std::size_t tuple = 0; tuple < tuples; ++tuple) {
    std::int64_t number = 0;
    for (std::size_t i = 0; i < depth; ++i) {
      const auto extent = src[batch + i];
      const auto index = indices.numbers[tuple * depth + i];
      if (index < -extent || index >= extent) call.fail(fmt::format("index {} is out of range", index));
      number = number * extent + (index < 0 ? index + extent : index);
    }
    number += static_cast<std::int64_t>(tuple / (tuples / static_cast<std::size_t>(batches))) * within;
    if (number > std::numeric_limits<std::int32_t>::max()) call.refuse("keel's indices are s32");
    numbers.push_back(static_cast<std::int32_t>(number));
  }
  const auto rows = reshape(call.var(0), {batches * within, behind}, call.where());
  const auto taken =
      take(rows,
           call.tape().stored(Tensor::of<std::int32_t>(Shape{static_cast<std::int64_t>(numbers.size())},
                                                       std::span<const std::int32_t>{numbers})),
           0, call.where());
  Numbers dst{indices.extents.begin(), indices.extents.end() - 1};
  dst.insert(dst.end(), src.begin() + at(batch + depth), src.end());
  call.give(reshape(taken, dst, call.where()));
}

void scatter_elements(Call& call) {
  const Shape shape{call.extents(0)};
  const auto axis = axis_of(call.integer("axis", 0), shape);
  const auto signed_axis = static_cast<std::int64_t>(axis);
  const auto reduction = call.text("reduction", "none");
  const Var indices = indices_of(call, 1, shape[axis]);
  const Var updates = call.real(2);
  if (reduction == "add")
    return call.give(scatter_add(call.real(0), indices, updates, signed_axis, call.where()));
  if (reduction != "none") call.refuse(fmt::format("keel scatters by addition, not by '{}'", reduction));
  // Of several updates of one element any may be the last: where there is one each, it replaces what was
  // there.
  const Term ones{broadcast_to(call.tape().constant(1.0, updates.dtype()), updates.shape(), call.where()),
                  call.where()};
  const Term nothing{broadcast_to(call.tape().constant(0.0, updates.dtype()), shape, call.where()),
                     call.where()};
  const Var hits = scatter_add(nothing.var, indices, ones.var, signed_axis, call.where());
  const Var added = scatter_add(nothing.var, indices, updates, signed_axis, call.where());
  call.give(keel::where(hits, added, call.real(0), call.where()));
}

void one_hot_of(Call& call) {
  const auto depth = call.known_integer(1);
  if (depth < 1 || depth > std::int64_t{1} << 31) call.refuse("keel needs at least one class");
  const auto rank = static_cast<std::int64_t>(call.rank(0)) + 1;
  const auto axis = call.integer("axis", -1);
  if (axis < -rank || axis >= rank) call.fail(fmt::format("its axis {} is out of range", axis));
  const auto place = axis < 0 ? axis + rank : axis;
  const auto values = call.real(2);
  const Var off = slice(values, 0, 0, 1, call.where());
  const Var on = slice(values, 0, 1, 2, call.where());
  const Var hot = one_hot(indices_of(call, 0, depth), depth, values.dtype(), call.where());
  Axes permutation;
  for (std::int64_t i = 0; i < rank; ++i)
    permutation.push_back(i < place ? i : i == place ? rank - 1 : i - 1);
  call.give(0, keel::where(transpose(hot, permutation, call.where()), on, off, call.where()),
            call.element(2));
}

void cumulative_sum(Call& call) {
  const auto axis = call.known_integer(1);
  const CumsumOptions options{.exclusive = call.flag("exclusive"), .reverse = call.flag("reverse")};
  call.give(cumsum(call.real(0), axis, options, call.where()));
}

// Up to each sample's length the order along one axis is reversed: by known lengths, element numbers are
// known.
void reverse_sequence(Call& call) {
  const auto src = call.extents(0);
  const auto lengths = call.known_integers(1);
  const auto time = call.integer("time_axis", 0);
  if (src.size() < 2 || time < 0 || time > 1 || call.integer("batch_axis", 1) != 1 - time)
    call.fail("its axes are out of range");
  const auto steps = src[static_cast<std::size_t>(time)];
  if (static_cast<std::int64_t>(lengths.size()) != src[static_cast<std::size_t>(1 - time)])
    call.fail("its lengths are not one for each sample");
  std::vector<Var> samples;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto length = lengths[i];
    if (length < 1 || length > steps) call.fail(fmt::format("a length of {} is out of range", length));
    const auto at = static_cast<std::int64_t>(i);
    const Var sample = slice(call.var(0), 1 - time, at, at + 1, call.where());
    std::vector<Var> parts{flip(slice(sample, time, 0, length, call.where()), {time}, call.where())};
    if (length < steps) parts.push_back(slice(sample, time, length, steps, call.where()));
    samples.push_back(parts.size() == 1 ? parts.front() : concatenate(parts, time, call.where()));
  }
  call.give(samples.size() == 1 ? samples.front() : concatenate(samples, 1 - time, call.where()));
}

}  // namespace

std::span<const OperatorEntry> indexing_operators() {
  static constexpr std::array entries{
      OperatorEntry{"Slice", 1, 5, 1, slice_of},
      OperatorEntry{"Gather", 2, 2, 1, gather_of},
      OperatorEntry{"GatherElements", 2, 2, 1, gather_elements},
      OperatorEntry{"GatherND", 2, 2, 1, gather_nd},
      OperatorEntry{"Scatter", 3, 3, 1, scatter_elements},
      OperatorEntry{"ScatterElements", 3, 3, 1, scatter_elements},
      OperatorEntry{"OneHot", 3, 3, 1, one_hot_of},
      OperatorEntry{"CumSum", 2, 2, 1, cumulative_sum},
      OperatorEntry{"ReverseSequence", 2, 2, 1, reverse_sequence},
  };
  return entries;
}

}  // namespace keel::onnx
