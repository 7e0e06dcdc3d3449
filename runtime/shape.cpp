#include "keel/runtime/shape.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

constexpr std::int64_t max_elements = std::int64_t{1} << 48;

}  // namespace

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return sizeof(float);
    case DType::f64:
      return sizeof(double);
    case DType::s32:
      return sizeof(std::int32_t);
    case DType::u8:
      return 1;
  }
  throw Error{"unknown element type"};
}

std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::s32:
      return "s32";
    case DType::u8:
      return "u8";
  }
  throw Error{"unknown element type"};
}

Shape::Shape(std::span<const std::int64_t> extents) : rank_(extents.size()) {
  const auto text = [&] { return fmt::format("({})", fmt::join(extents, ", ")); };
  if (extents.size() > max_rank) {
    throw ShapeError{fmt::format("shape {} has {} axes, at most {} are supported", text(), rank_, max_rank)};
  }
  std::int64_t elements = 1;
  for (const auto extent : extents) {
    if (extent < 0) throw ShapeError{fmt::format("shape {} has a negative extent", text())};
    if (extent > 0 && elements > max_elements / extent) {
      throw ShapeError{fmt::format("shape {} has more than 2^48 elements", text())};
    }
    elements *= std::max<std::int64_t>(extent, 1);
  }
  std::ranges::copy(extents, extents_.begin());
}

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (const auto extent : extents()) product *= extent;
  return product;
}

std::string to_string(const Shape& shape) {
  return fmt::format("({})", fmt::join(shape.extents(), ", "));
}

Shape broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  std::array<std::int64_t, Shape::max_rank> extents{};
  std::ranges::copy(longer.extents(), extents.begin());
  const std::size_t skipped = longer.rank() - shorter.rank();
  for (std::size_t axis = 0; axis < shorter.rank(); ++axis) {
    auto& extent = extents.at(skipped + axis);
    if (extent == shorter[axis] || shorter[axis] == 1) continue;
    if (extent != 1) {
      throw ShapeError{fmt::format("shapes {} and {} do not broadcast: {} meets {}", to_string(a),
                                   to_string(b), extent, shorter[axis])};
    }
    extent = shorter[axis];
  }
  return Shape{std::span{extents}.first(longer.rank())};
}

std::string to_string(const ValueType& type) {
  return fmt::format("{} {}", name_of(type.dtype), to_string(type.shape));
}

}  // namespace keel
