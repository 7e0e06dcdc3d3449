#include "keel/runtime/tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>

#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/tensor_elements.hpp"

namespace keel {

Tensor::Tensor(ValueType type)
    : buffer_(std::make_shared<Buffer>(type.bytes())), data_(buffer_->data()), type_(type) {}

Tensor::Tensor(std::shared_ptr<Buffer> buffer, std::size_t offset, ValueType type)
    : buffer_(std::move(buffer)), type_(type) {
  if (!buffer_ || buffer_->data() == nullptr) {
    throw Error{
        fmt::format("a tensor {} was asked for in a buffer that has no memory: "
                    "it was moved from, or never given any",
                    to_string(type))};
  }
  if (offset > buffer_->size() || type.bytes() > buffer_->size() - offset) {
    throw ShapeError{fmt::format("a tensor {} at byte {} does not fit into a buffer of {}", to_string(type),
                                 offset, counted(buffer_->size(), "byte"))};
  }
  data_ = buffer_->data() + offset;
}

double detail::element(const Tensor& tensor, std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  switch (tensor.dtype()) {
    case DType::f32:
      return static_cast<double>(tensor.data<float>()[i]);
    case DType::f64:
      return tensor.data<double>()[i];
    case DType::s32:
      return tensor.data<std::int32_t>()[i];
    case DType::u8:
      break;
  }
  return tensor.data<std::uint8_t>()[i];
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor copy{type_};
  copy.assign({data_, type_.bytes()});
  return copy;
}

void Tensor::assign(std::span<const std::byte> source) {
  if (source.size() != type_.bytes()) {
    throw ShapeError{fmt::format("a tensor {} takes {}, not {}", to_string(type_),
                                 counted(type_.shape.elements(), "element"),
                                 source.size() / size_of(type_.dtype))};
  }
  std::ranges::copy(source, data_);
}

void Tensor::require_length(std::size_t row, std::size_t columns) {
  if (row == columns) return;
  throw ShapeError{fmt::format("the rows of a matrix are of {} and of {}: they must be of one length",
                               counted(columns, "element"), row)};
}

std::size_t Tensor::position(std::span<const std::int64_t> place) const {
  const auto& shape = type_.shape;
  bool inside = place.size() == shape.rank();
  std::int64_t result = 0;
  for (std::size_t axis = 0; inside && axis < place.size(); ++axis) {
    inside = place[axis] >= 0 && place[axis] < shape[axis];
    result = result * shape[axis] + place[axis];
  }
  if (inside) return static_cast<std::size_t>(result);
  throw ShapeError{
      fmt::format("a tensor {} has no element at ({})", to_string(type_), fmt::join(place, ", "))};
}

double Tensor::item() const {
  require_values(*this, "a tensor whose only element was asked for");
  if (type_.shape.elements() == 1) return detail::element(*this, 0);
  throw ShapeError{fmt::format("a tensor {} has {}, but its only one was asked for", to_string(type_),
                               counted(type_.shape.elements(), "element"))};
}

void require_values(const Tensor& tensor, std::string_view what) {
  if (tensor.defined()) return;
  throw NoValuesError{
      fmt::format("{} has no values: it was moved from, or never given any; use the tensor that it was moved "
                  "into, or make one of the shape wanted",
                  what)};
}

void Tensor::require_dtype(DType wanted) const {
  if (type_.dtype == wanted && defined()) return;
  if (!defined())
    require_values(*this, fmt::format("a tensor whose elements were asked for as {}", name_of(wanted)));
  throw ShapeError{fmt::format("the elements of a tensor of {} were asked for as {}", name_of(type_.dtype),
                               name_of(wanted))};
}

}  // namespace keel
