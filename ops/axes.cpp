#include "keel/ops/axes.hpp"

#include <fmt/format.h>

#include <array>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

using Chosen = std::array<bool, Shape::max_rank>;

Chosen chosen_among(const Shape& shape, const Axes& axes) {
  Chosen chosen{};
  if (axes.empty()) chosen.fill(true);
  for (const auto axis : axes) {
    auto& is_chosen = chosen.at(axis_of(axis, shape));
    if (is_chosen) {
      throw ShapeError{fmt::format("axis {} of {} is named twice", axis_of(axis, shape), to_string(shape))};
    }
    is_chosen = true;
  }
  return chosen;
}

}  // namespace

std::size_t axis_of(std::int64_t axis, const Shape& shape) {
  const auto rank = static_cast<std::int64_t>(shape.rank());
  if (rank == 0) throw ShapeError{fmt::format("there is no axis {}: a scalar has none", axis)};
  if (axis < -rank || axis >= rank) {
    throw ShapeError{fmt::format("there is no axis {}: those of {} are 0 to {}, or from the back -1 to {}",
                                 axis, to_string(shape), rank - 1, -rank)};
  }
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

Shape with_ones(const Shape& shape, const Axes& axes) {
  const auto chosen = chosen_among(shape, axes);
  std::vector<std::int64_t> extents;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    extents.push_back(chosen.at(axis) ? 1 : shape[axis]);
  return Shape{extents};
}

Shape without(const Shape& shape, const Axes& axes) {
  const auto chosen = chosen_among(shape, axes);
  std::vector<std::int64_t> extents;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (!chosen.at(axis)) extents.push_back(shape[axis]);
  }
  return Shape{extents};
}

void require_elements(const Shape& shape, const Axes& axes, std::string_view superlative) {
  const Shape kept = with_ones(shape, axes);
  if (shape.elements() > 0 || kept.elements() == 0) return;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] != 0 || kept[axis] != 1) continue;
    throw ShapeError{fmt::format("axis {} of {} has no elements, so there is no {} one", axis,
                                 to_string(shape), superlative)};
  }
}

std::int64_t elements_between(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t product = 1;
  for (std::size_t axis = begin; axis < end; ++axis) product *= shape[axis];
  return product;
}

}  // namespace keel
