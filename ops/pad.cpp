#include "keel/ops/pad.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "keel/graph/tape.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/composed.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/indexing.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

void require_widths(const ValueType& src, const std::vector<PadWidths>& widths, PadMode mode) {
  const auto& shape = src.shape;
  if (mode == PadMode::constant) require_same_float({&src, 1});
  if (widths.size() > shape.rank()) {
    throw ShapeError{fmt::format("there are {} widths for the {} axes of {}", widths.size(), shape.rank(),
                                 to_string(shape))};
  }
  std::vector<std::int64_t> extents{shape.extents().begin(), shape.extents().end()};
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const auto axis = shape.rank() - widths.size() + i;
    const auto [before, after] = widths[i];
    constexpr auto widest = std::int64_t{1} << 48;  // of a shape
    if (before < 0 || after < 0 || before > widest || after > widest)
      throw ShapeError{fmt::format("axis {} can't be widened by {} and {}", axis, before, after)};
    extents[axis] += before + after;
    const auto most = std::max(before, after);
    const auto reach = mode == PadMode::edge ? std::min<std::int64_t>(most, 1) : most + 1;
    if (mode == PadMode::constant || most == 0 || reach <= shape[axis]) continue;
    throw ShapeError{mode == PadMode::edge
                         ? fmt::format("axis {} of {} has no edge", axis, to_string(shape))
                         : fmt::format("axis {} of {} is too short to be reflected {} far: {} at the most",
                                       axis, to_string(shape), most,
                                       std::max<std::int64_t>(0, shape[axis] - 1))};
  }
  static_cast<void>(Shape{extents});  // for its own checks
}

Var filled(const Var& src, std::size_t axis, std::int64_t length, double value, const SourceLocation& where) {
  const Shape shape = src.shape();
  std::vector<std::int64_t> extents{shape.extents().begin(), shape.extents().end()};
  extents[axis] = length;
  return broadcast_to(src.tape().constant(value, src.dtype()), Shape{extents}, where);
}

Var with_constant(const Var& src, std::size_t axis, const PadWidths& widths, double value,
                  const SourceLocation& where) {
  std::vector<Var> parts;
  if (widths.before > 0) parts.push_back(filled(src, axis, widths.before, value, where));
  parts.push_back(src);
  if (widths.after > 0) parts.push_back(filled(src, axis, widths.after, value, where));
  return concatenate(parts, static_cast<std::int64_t>(axis), where);
}

// By the number of the element that stands in each place.
Var with_own_elements(const Var& src, std::size_t axis, const PadWidths& widths, PadMode mode,
                      const SourceLocation& where) {
  const auto last = src.shape()[axis] - 1;
  Tensor numbers{{widths.before + last + 1 + widths.after}, DType::s32};
  auto place = -widths.before;
  for (auto& number : numbers.data<std::int32_t>()) {
    const auto within = std::clamp<std::int64_t>(place, 0, last);
    number = static_cast<std::int32_t>(mode == PadMode::edge ? within : 2 * within - place);
    ++place;
  }
  return take(src, src.tape().stored(numbers, "places"), static_cast<std::int64_t>(axis), where);
}

// `src` where its column less its row satisfies `keeps`, else 0.
template <class Keeps>
Var triangle(std::string_view name, const Var& src, const SourceLocation& where, const Keeps& keeps) {
  const auto [shape, dtype] = src.type();
  check_call(name, {&src, 1}, where, [&, &shape = shape] {
    require_same_float(std::array{src.type()});
    if (shape.rank() < 2) throw ShapeError{fmt::format("{} is no matrix", to_string(shape))};
  });
  if (shape.elements() == 0) return src;  // rows and columns may be many all the same
  const auto rows = shape[shape.rank() - 2];
  const auto columns = shape[shape.rank() - 1];
  Tensor mask{{rows, columns}, DType::s32};
  auto* element = mask.data<std::int32_t>().data();
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) *element++ = keeps(j - i) ? 1 : 0;
  }
  return keel::where(src.tape().stored(mask, "mask"), src, 0.0, where);
}

}  // namespace

Var pad(const Var& src, const std::vector<PadWidths>& widths, const PadOptions& options,
        const SourceLocation& where) {
  check_call("pad", {&src, 1}, where, [&] { require_widths(src.type(), widths, options.mode); });
  Var padded = src;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i].before == 0 && widths[i].after == 0) continue;
    const auto axis = src.shape().rank() - widths.size() + i;
    padded = options.mode == PadMode::constant
                 ? with_constant(padded, axis, widths[i], options.value, where)
                 : with_own_elements(padded, axis, widths[i], options.mode, where);
  }
  return padded;
}

Var tril(const Var& src, std::int64_t diagonal, const SourceLocation& where) {
  return triangle("tril", src, where, [=](std::int64_t distance) { return distance <= diagonal; });
}

Var triu(const Var& src, std::int64_t diagonal, const SourceLocation& where) {
  return triangle("triu", src, where, [=](std::int64_t distance) { return distance >= diagonal; });
}

}  // namespace keel
