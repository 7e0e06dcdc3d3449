// Operators that move elements without changing them. Those on known integers are carried out at once.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/pad.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/transpose.hpp"

namespace keel::onnx {
namespace {

using Extents = std::vector<std::int64_t>;

bool is_whole_and_known(const Call& call, std::size_t i) {
  return call.is_known(i) && !is_real(call.element(i));
}

// The same elements under another shape.
void give_reshaped(Call& call, const Extents& extents) {
  if (is_whole_and_known(call, 0)) {
    std::int64_t product = 1;
    for (const auto extent : extents) product *= extent;
    if (product != static_cast<std::int64_t>(call.known(0).numbers.size()))
      call.fail("its shape does not fit its elements");
    return call.give_integers(call.known(0).numbers, extents, call.element(0));
  }
  call.give(reshape_to(call.var(0), Shape{extents}, call.where()));
}

void reshape_of(Call& call) {
  const auto src = call.extents(0);
  Extents extents = call.inputs() > 1 ? call.known_integers(1) : call.integers("shape", {});
  const bool keeps_zeros = call.flag("allowzero");
  std::int64_t others = 1;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] == 0 && !keeps_zeros) {
      if (i >= src.size()) call.fail(fmt::format("its shape keeps an axis {} that there is not", i));
      extents[i] = src[i];
    }
    if (extents[i] < -1 || (extents[i] == -1 && open))
      call.fail("its shape has a negative extent, or two that are open");
    if (extents[i] == -1)
      open = i;
    else if (extents[i] > 0 && others > std::numeric_limits<std::int64_t>::max() / extents[i])
      call.fail("its shape has too many elements");
    else
      others *= extents[i];
  }
  const auto count = std::accumulate(src.begin(), src.end(), std::int64_t{1}, std::multiplies<>{});
  if (open) {
    if (others == 0 || count % others != 0) call.fail(fmt::format("{} elements can't fill its shape", count));
    extents[*open] = count / others;
  }
  give_reshaped(call, extents);
}

std::size_t place_of(const Call& call, std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) call.fail(fmt::format("its axis {} is out of range", axis));
  return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
}

void flatten_of(Call& call) {
  const auto src = call.extents(0);
  const auto given = call.integer("axis", 1);
  const auto axis =
      given == static_cast<std::int64_t>(src.size()) ? src.size() : place_of(call, given, src.size());
  Extents matrix{1, 1};
  for (std::size_t i = 0; i < src.size(); ++i) matrix[i < axis ? 0 : 1] *= src[i];
  give_reshaped(call, matrix);
}

void squeeze_of(Call& call) {
  const auto src = call.extents(0);
  const auto axes = call.setting_or_input("axes", 1);
  std::vector<char> goes(src.size(), 0);
  if (axes) {
    for (const auto axis : *axes) {
      const auto place = place_of(call, axis, src.size());
      if (src[place] != 1)
        call.fail(fmt::format("axis {} has {} elements and can't be left out", axis, src[place]));
      goes[place] = 1;
    }
  }
  Extents dst;
  for (std::size_t i = 0; i < src.size(); ++i)
    if (axes ? goes[i] == 0 : src[i] != 1) dst.push_back(src[i]);
  give_reshaped(call, dst);
}

void unsqueeze_of(Call& call) {
  const auto src = call.extents(0);
  const auto axes = call.setting_or_input("axes", 1);
  if (!axes) call.fail("its axes are missing");
  Extents dst(src.size() + axes->size(), 0);
  for (const auto axis : *axes) {
    auto& extent = dst[place_of(call, axis, dst.size())];
    if (extent == 1) call.fail(fmt::format("its axis {} is named twice", axis));
    extent = 1;
  }
  auto next = src.begin();
  for (auto& extent : dst)
    if (extent == 0) extent = *next++;
  give_reshaped(call, dst);
}

void transpose_of(Call& call) {
  call.give(transpose(call.var(0), call.integers("perm", {}), call.where()));
}

void concat(Call& call) {
  bool all_known = true;
  for (std::size_t i = 0; i < call.inputs(); ++i)
    all_known = all_known && is_whole_and_known(call, i) && call.rank(i) == 1;
  const auto axis = call.integer("axis", call.opset() < 4 ? std::optional<std::int64_t>{1} : std::nullopt);
  if (all_known) {
    for (std::size_t i = 0; i < call.inputs(); ++i)
      call.spend(static_cast<std::int64_t>(call.known(i).numbers.size()));
    Extents numbers;
    for (std::size_t i = 0; i < call.inputs(); ++i)
      numbers.insert(numbers.end(), call.known(i).numbers.begin(), call.known(i).numbers.end());
    return call.give_integers(numbers, {static_cast<std::int64_t>(numbers.size())}, call.element(0));
  }
  std::vector<Var> srcs;
  for (std::size_t i = 0; i < call.inputs(); ++i) srcs.push_back(call.var(i));
  call.give(srcs.size() == 1 ? srcs.front() : concatenate(srcs, axis, call.where()));
}

void split_of(Call& call) {
  const auto axis = call.integer("axis", 0);
  const auto src = call.extents(0);
  const auto extent = src[place_of(call, axis, src.size())];
  const auto outputs = static_cast<std::int64_t>(call.node().outputs.size());
  auto lengths = call.setting_or_input("split", 1);
  if (!lengths) {
    const auto parts = call.integer("num_outputs", outputs);
    if (parts != outputs) call.fail(fmt::format("it has {} outputs, but {} parts", outputs, parts));
    const auto length = (extent + parts - 1) / parts;
    lengths.emplace();
    for (std::int64_t i = 0; i < parts; ++i)
      lengths->push_back(std::clamp<std::int64_t>(extent - i * length, 0, length));
  }
  if (static_cast<std::int64_t>(lengths->size()) != outputs)
    call.fail(fmt::format("it has {} outputs, but {} parts", outputs, lengths->size()));
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < lengths->size(); ++i) {
    const auto length = (*lengths)[i];
    if (length < 0 || length > extent - begin) call.fail("its parts do not add up");
    if (length == 0) call.refuse("keel has no empty part of an array");
    call.give(i, slice(call.var(0), axis, begin, begin + length, call.where()), call.element(0));
    begin += length;
  }
  if (begin != extent) call.fail("its parts do not add up");
}

void expand(Call& call) {
  const Shape src{call.extents(0)};
  const Shape dst = broadcast(src, Shape{call.known_integers(1)});
  if (is_real(call.element(0))) return call.give(broadcast_to(call.real(0), dst, call.where()));
  if (src == dst) return call.give(0, call.item(0));
  if (!call.is_known(0) || src.elements() != 1) call.refuse("keel stretches floats and doubles alone");
  call.spend(dst.elements());
  call.give_integers(Extents(static_cast<std::size_t>(dst.elements()), call.known(0).numbers.front()),
                     Shape{dst}.extents(), call.element(0));
}

void tile_of(Call& call) {
  const auto counts = call.known_integers(1);
  if (counts.size() != call.rank(0)) call.fail("its repeats are not one for each axis");
  if (std::ranges::any_of(counts, [](auto count) { return count < 0; }))
    call.fail("one of its repeats is negative");
  constexpr std::int64_t most = std::int64_t{1} << 40;
  const auto src = call.extents(0);
  for (std::size_t i = 0; i < src.size(); ++i)
    call.spend(counts[i] > most / std::max<std::int64_t>(src[i], 1) ? most : counts[i] * src[i]);
  call.give(tile(call.var(0), counts, call.where()));
}

Var cropped(const Call& call, Var src, std::size_t axis, PadWidths& widths) {
  const auto extent = src.shape()[axis];
  const auto begin = std::max<std::int64_t>(0, -widths.before);
  const auto end = extent - std::max<std::int64_t>(0, -widths.after);
  widths = {std::max<std::int64_t>(0, widths.before), std::max<std::int64_t>(0, widths.after)};
  if (begin >= end) call.fail("it cuts off more than there is");
  if (begin == 0 && end == extent) return src;
  return slice(src, static_cast<std::int64_t>(axis), begin, end, call.where());
}

void pad_of(Call& call) {
  const auto given = call.setting_or_input("pads", 1);
  if (!given) call.fail("its pads are missing");
  const auto rank = call.rank(0);
  Extents axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (call.has(3)) axes = call.known_integers(3);
  if (given->size() != 2 * axes.size()) call.fail("its pads are not two for each axis");
  const auto mode = call.text("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge")
    call.refuse(fmt::format("keel has no padding of mode '{}'", mode));
  PadOptions options{.mode = mode == "constant" ? PadMode::constant
                             : mode == "edge"   ? PadMode::edge
                                                : PadMode::reflect,
                     .value = call.has(2) ? call.known_number(2) : call.number("value", 0.0)};
  if (options.mode == PadMode::constant && !is_real(call.element(0)))
    call.refuse("keel pads floats and doubles with constants alone");
  std::vector<PadWidths> widths(rank);
  constexpr std::int64_t widest = std::int64_t{1} << 40;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const PadWidths width{(*given)[i], (*given)[i + axes.size()]};
    const auto is_wide = [](std::int64_t by) { return by > widest || by < -widest; };
    if (is_wide(width.before) || is_wide(width.after)) call.fail("its pads are too wide");
    if (options.mode != PadMode::constant) call.spend(std::abs(width.before) + std::abs(width.after));
    widths[place_of(call, axes[i], rank)] = width;
  }
  Var src = call.var(0);
  bool any = false;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    src = cropped(call, src, axis, widths[axis]);
    any = any || widths[axis].before > 0 || widths[axis].after > 0;
  }
  call.give(any ? pad(src, widths, options, call.where()) : src);
}

struct Blocks {
  std::int64_t n, c, h, w, size;
};

Blocks blocks_of(const Call& call) {
  const auto src = call.extents(0);
  const auto size = call.integer("blocksize");
  if (src.size() != 4 || size < 1 || size > 1 << 15)
    call.fail("its input is not images, or its block size out of range");
  return {src[0], src[1], src[2], src[3], size};
}

Var rearranged(const Call& call, Extents split, const Axes& permutation, Extents dst) {
  const Var apart = reshape(call.var(0), std::move(split), call.where());
  return reshape(transpose(apart, permutation, call.where()), std::move(dst), call.where());
}

void depth_to_space(Call& call) {
  const auto [n, c, h, w, size] = blocks_of(call);
  const auto channels = c / (size * size);
  const bool by_column = call.text("mode", "DCR") == "CRD";
  call.give(by_column ? rearranged(call, {n, channels, size, size, h, w}, {0, 1, 4, 2, 5, 3},
                                   {n, channels, h * size, w * size})
                      : rearranged(call, {n, size, size, channels, h, w}, {0, 3, 4, 1, 5, 2},
                                   {n, channels, h * size, w * size}));
}

void space_to_depth(Call& call) {
  const auto [n, c, h, w, size] = blocks_of(call);
  call.give(rearranged(call, {n, c, h / size, size, w / size, size}, {0, 3, 5, 1, 2, 4},
                       {n, c * size * size, h / size, w / size}));
}

void triangle(Call& call) {
  const auto diagonal = call.has(1) ? call.known_integer(1) : 0;
  const Var src = call.real(0);
  call.give(call.flag("upper", true) ? triu(src, diagonal, call.where()) : tril(src, diagonal, call.where()));
}

}  // namespace

std::span<const OperatorEntry> shape_operators() {
  static constexpr std::array entries{
      OperatorEntry{"Reshape", 1, 2, 1, reshape_of},
      OperatorEntry{"Flatten", 1, 1, 1, flatten_of},
      OperatorEntry{"Squeeze", 1, 2, 1, squeeze_of},
      OperatorEntry{"Unsqueeze", 1, 2, 1, unsqueeze_of},
      OperatorEntry{"Transpose", 1, 1, 1, transpose_of},
      OperatorEntry{"Concat", 1, any_number, 1, concat},
      OperatorEntry{"Split", 1, 2, any_number, split_of},
      OperatorEntry{"Expand", 2, 2, 1, expand},
      OperatorEntry{"Tile", 2, 2, 1, tile_of},
      OperatorEntry{"Pad", 1, 4, 1, pad_of},
      OperatorEntry{"DepthToSpace", 1, 1, 1, depth_to_space},
      OperatorEntry{"SpaceToDepth", 1, 1, 1, space_to_depth},
      OperatorEntry{"Trilu", 1, 2, 1, triangle},
  };
  return entries;
}

}  // namespace keel::onnx
