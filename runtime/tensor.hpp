#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/runtime/buffer.hpp"
#include "keel/runtime/shape.hpp"

namespace keel {

/// A dense row-major array in memory, or a part of a larger buffer seen as one.
///
/// Copies share their elements, as a view does; `clone` makes independent ones. One that was moved from is
/// undefined.
class Tensor {
 public:
  /// No elements at all, not even a shape; `defined()` is false.
  Tensor() = default;
  /// Zeros.
  explicit Tensor(ValueType type);
  explicit Tensor(Shape shape, DType dtype = DType::f32) : Tensor(ValueType{shape, dtype}) {}
  /// The elements of `buffer` from byte `offset` on. Throws ShapeError when they don't fit in.
  Tensor(std::shared_ptr<Buffer> buffer, std::size_t offset, ValueType type);

  Tensor(const Tensor&) = default;
  Tensor& operator=(const Tensor&) = default;
  Tensor(Tensor&& other) noexcept
      : buffer_(std::move(other.buffer_)),
        data_(std::exchange(other.data_, nullptr)),
        type_(std::exchange(other.type_, {})) {}
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor taken{std::move(other)};  // from itself too, which leaves it as it was
    std::swap(buffer_, taken.buffer_);
    std::swap(data_, taken.data_);
    std::swap(type_, taken.type_);
    return *this;
  }
  ~Tensor() = default;

  /// The given elements, row by row. Throws ShapeError when their number is not that of the shape.
  template <class T>
  static Tensor of(Shape shape, std::span<const T> elements) {
    Tensor tensor{shape, dtype_of<T>()};
    tensor.assign(std::as_bytes(elements));
    return tensor;
  }
  template <class T>
  static Tensor of(Shape shape, std::initializer_list<T> elements) {
    return of<T>(shape, std::span<const T>{elements.begin(), elements.size()});
  }

  /// A matrix, row by row: `Tensor::rows<float>({{1, 2}, {3, 4}})`. Throws ShapeError when the rows are not of one
  /// length.
  template <class T>
  static Tensor rows(std::initializer_list<std::initializer_list<T>> rows) {
    const auto columns = rows.size() == 0 ? 0 : rows.begin()->size();
    std::vector<T> elements;
    for (const auto& row : rows) {
      require_length(row.size(), columns);
      elements.insert(elements.end(), row.begin(), row.end());
    }
    return of<T>(Shape{static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns)},
                 std::span<const T>{elements});
  }

  [[nodiscard]] bool defined() const { return data_ != nullptr; }
  [[nodiscard]] const ValueType& type() const { return type_; }
  [[nodiscard]] const Shape& shape() const { return type_.shape; }
  [[nodiscard]] DType dtype() const { return type_.dtype; }
  [[nodiscard]] std::byte* bytes() const { return data_; }
  /// What keeps the elements alive; copies share it.
  [[nodiscard]] const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

  /// The elements. Throws ShapeError when T is not the tensor's element type, NoValuesError when it is undefined.
  template <class T>
  [[nodiscard]] std::span<T> data() const {
    require_dtype(dtype_of<T>());
    return {reinterpret_cast<T*>(data_), static_cast<std::size_t>(type_.shape.elements())};
  }

  /// One of the elements, by its place along each axis, counted from 0: `t.at<float>(i, j)`; of a scalar,
  /// `t.at<float>()`. Throws ShapeError for a place that there is not, and as `data` does.
  template <class T, std::integral... Index>
  [[nodiscard]] T& at(Index... index) const {
    const std::array<std::int64_t, sizeof...(Index)> place{static_cast<std::int64_t>(index)...};
    return data<T>()[position(place)];
  }
  /// The only element, whatever its type. Throws ShapeError when there is not exactly one.
  [[nodiscard]] double item() const;

  /// A tensor of its own with the same elements; an undefined one of an undefined one.
  [[nodiscard]] Tensor clone() const;

 private:
  void assign(std::span<const std::byte> source);
  void require_dtype(DType wanted) const;
  static void require_length(std::size_t row, std::size_t columns);
  [[nodiscard]] std::size_t position(std::span<const std::int64_t> place) const;

  std::shared_ptr<Buffer> buffer_;
  std::byte* data_ = nullptr;
  ValueType type_;
};

/// Whether both have one type and equal elements (NaN is equal to nothing), or both are undefined.
bool operator==(const Tensor& a, const Tensor& b);

struct Closeness {
  double relative = 1e-5;  ///< to the element of the second tensor
  double absolute = 1e-8;
};
/// Whether both have one shape, and no two elements are further apart than allowed, as NumPy's allclose. The element
/// types may differ; NaN is close to nothing.
bool all_close(const Tensor& a, const Tensor& b, const Closeness& allowed = {});

/// Type and elements, as NumPy prints them, with five digits each; of more than 1000 elements, the first and the
/// last three along each axis:
///
///   f32 (2, 3)
///   [[   1    2.5    3]
///    [  -4      0  1e9]]
std::string to_string(const Tensor& tensor);
std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);

/// Throws NoValuesError where `tensor` is undefined: "`what` has no values: ...".
void require_values(const Tensor& tensor, std::string_view what);

}  // namespace keel
