#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// Element types: what parameters and activations are made of (f32, f64), class labels (s32), opaque bytes
/// (u8).
enum class DType : std::uint8_t { f32, f64, s32, u8 };

/// Bytes an element.
std::size_t size_of(DType dtype);
/// "f32", "f64", "s32" or "u8".
std::string_view name_of(DType dtype);

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::f64;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::s32;
}
template <>
constexpr DType dtype_of<std::uint8_t>() {
  return DType::u8;
}

/// The extents of a dense row-major array; rank 0 is a scalar of one element.
class Shape {
 public:
  static constexpr std::size_t max_rank = 6;

  Shape() = default;
  /// Throws ShapeError for a negative extent, a rank above `max_rank` or more than 2^48 elements.
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span{extents.begin(), extents.size()}) {}
  explicit Shape(std::span<const std::int64_t> extents);

  [[nodiscard]] std::size_t rank() const { return rank_; }
  [[nodiscard]] std::int64_t operator[](std::size_t axis) const { return extents_.at(axis); }
  [[nodiscard]] std::span<const std::int64_t> extents() const& { return std::span{extents_}.first(rank_); }
  /// Those of a temporary, which would be gone before a loop over them begins.
  [[nodiscard]] std::vector<std::int64_t> extents() const&& {
    return {extents_.begin(), extents_.begin() + static_cast<std::ptrdiff_t>(rank_)};
  }
  /// The product of the extents.
  [[nodiscard]] std::int64_t elements() const;

  bool operator==(const Shape&) const = default;
  /// By rank, then extents: any total order, for use as a key.
  auto operator<=>(const Shape&) const = default;

 private:
  std::size_t rank_ = 0;
  std::array<std::int64_t, max_rank> extents_{};
};

/// "(64, 784)"; "()" for a scalar.
std::string to_string(const Shape& shape);

/// The shape that `a` and `b` broadcast to by NumPy's rule (aligned at the last axis, an extent of 1
/// stretches). Throws ShapeError when they don't.
Shape broadcast(const Shape& a, const Shape& b);

/// How an array of four axes (N, C, H, W) lies in memory: in that order, or with the channels of a pixel side
/// by side, (N, H, W, C), which convolutions are fastest on. All other arrays are row-major.
enum class MemoryFormat : std::uint8_t { row_major, channels_last };

/// Shape and element type: what is known of a value before it is computed.
struct ValueType {
  Shape shape;
  DType dtype = DType::f32;

  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(shape.elements()) * size_of(dtype);
  }
  bool operator==(const ValueType&) const = default;
  auto operator<=>(const ValueType&) const = default;
};

/// "f32 (64, 784)".
std::string to_string(const ValueType& type);

}  // namespace keel
