#include "keel/runtime/tensor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

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
