#include "keel/graph/converted.hpp"

#include <algorithm>

namespace keel {
namespace {

template <class To, class From>
Tensor cast(const Tensor& tensor) {
  Tensor result{tensor.shape(), dtype_of<To>()};
  std::ranges::transform(tensor.data<From>(), result.data<To>().begin(),
                         [](From value) { return static_cast<To>(value); });
  return result;
}

}  // namespace

Tensor converted(const Tensor& tensor, DType dtype) {
  if (!tensor.defined()) return {};
  if (tensor.dtype() == DType::f32 && dtype == DType::f64) return cast<double, float>(tensor);
  if (tensor.dtype() == DType::f64 && dtype == DType::f32) return cast<float, double>(tensor);
  return tensor.clone();
}

}  // namespace keel
