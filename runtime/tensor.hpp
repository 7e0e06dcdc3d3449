#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

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

  /// A tensor of its own with the same elements; an undefined one of an undefined one.
  [[nodiscard]] Tensor clone() const;

 private:
  void assign(std::span<const std::byte> source);
  void require_dtype(DType wanted) const;

  std::shared_ptr<Buffer> buffer_;
  std::byte* data_ = nullptr;
  ValueType type_;
};

/// Throws NoValuesError where `tensor` is undefined: "`what` has no values: ...".
void require_values(const Tensor& tensor, std::string_view what);

}  // namespace keel
