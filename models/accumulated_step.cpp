#include "keel/models/accumulated_step.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

template <class T>
void add_scaled(std::span<T> to, T factor, std::span<const T> from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}

void add_scaled(const Tensor& to, double factor, const Tensor& from) {
  if (to.dtype() == DType::f64)
    add_scaled<double>(to.data<double>(), factor, from.data<double>());
  else
    add_scaled<float>(to.data<float>(), static_cast<float>(factor), from.data<float>());
}

void scale(const Tensor& tensor, double factor) {
  if (tensor.dtype() == DType::f64) {
    for (auto& element : tensor.data<double>()) element *= factor;
  } else {
    for (auto& element : tensor.data<float>()) element *= static_cast<float>(factor);
  }
}

}  // namespace

void GradientSums::add(const std::map<std::string, Tensor>& grads, double weight) {
  if (weight_ == 0.0) {
    // What has no gradient any more has no part in the step.
    std::erase_if(sums_, [&](const auto& entry) { return !grads.contains(entry.first); });
    for (const auto& [path, sum] : sums_) std::fill_n(sum.bytes(), sum.type().bytes(), std::byte{});
  }
  for (const auto& [path, grad] : grads) {
    auto& sum = sums_[path];
    if (!sum.defined() || sum.type() != grad.type()) sum = Tensor{grad.type()};
    add_scaled(sum, weight / unit_, grad);
  }
  weight_ += weight;
}

const std::map<std::string, Tensor>& GradientSums::mean() {
  if (weight_ == 0.0) throw Error{"a step was to be applied before any part of its batch was added"};
  if (unit_ != weight_)
    for (const auto& [path, sum] : sums_) scale(sum, unit_ / weight_);
  unit_ = weight_;
  return sums_;
}

void GradientSums::discard() {
  weight_ = 0.0;
  unit_ = 1.0;
}

}  // namespace keel
