#include "keel/models/hessian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "keel/graph/gradients.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

using Vector = std::vector<double>;

void copy_from(std::span<const double> elements, Tensor& tensor) {
  const auto copy = [&](auto to) {
    std::ranges::transform(elements, to.begin(),
                           [](double x) { return static_cast<typename decltype(to)::value_type>(x); });
  };
  if (tensor.dtype() == DType::f64)
    copy(tensor.data<double>());
  else
    copy(tensor.data<float>());
}

void append(const Tensor& tensor, Vector& elements) {
  const auto add = [&](auto from) { elements.insert(elements.end(), from.begin(), from.end()); };
  if (tensor.dtype() == DType::f64)
    add(tensor.data<double>());
  else
    add(tensor.data<float>());
}

}  // namespace

std::vector<Var> hessian_vector_product(const Var& loss, std::span<const Var> wrt,
                                        std::span<const Var> vectors, const SourceLocation& where) {
  if (wrt.empty() && vectors.empty()) return {};
  if (wrt.size() != vectors.size()) {
    throw Error{fmt::format("hessian_vector_product at {}: {} vectors for {} values; give one of each shape",
                            describe(where), vectors.size(), wrt.size())};
  }
  const auto grads = gradients(loss, wrt, where);
  return gradients(grads, vectors, wrt, where);
}

std::vector<NamedParameter> detail::trained_of(const std::vector<NamedParameter>& parameters) {
  std::vector<NamedParameter> trained;
  std::ranges::copy_if(parameters, std::back_inserter(trained), [](const NamedParameter& named) {
    return named.parameter->kind() == Parameter::Kind::trained && !named.parameter->frozen();
  });
  return trained;
}

std::vector<Var> detail::record_hessian(std::span<const NamedParameter> trained, const Var& loss,
                                        std::span<const Var> vectors, const SourceLocation& where) {
  std::vector<Var> wrt;
  for (const auto& named : trained) wrt.push_back(loss.tape().stored(values_of(named), named.path));
  return hessian_vector_product(loss, wrt, vectors, where);
}

std::size_t Hessian::size() const {
  if (!parameters_) detail::refuse_moved();
  std::int64_t elements = 0;
  for (const auto& named : detail::trained_of(parameters_())) elements += named.parameter->shape().elements();
  return static_cast<std::size_t>(elements);
}

std::vector<double> Hessian::times(std::span<const double> vector) {
  if (watch_.changed()) function_.forget();
  const auto all = parameters_();
  if (vector.size() != size()) {
    throw ShapeError{fmt::format("a Hessian of {} parameters was multiplied by a vector of {} elements",
                                 size(), vector.size())};
  }
  auto given = batch_;
  for (const auto& named : detail::trained_of(all)) {
    Tensor part{detail::values_of(named).type()};
    const auto count = static_cast<std::size_t>(part.shape().elements());
    copy_from(vector.first(count), part);
    vector = vector.subspan(count);
    given.push_back(std::move(part));
  }
  const StatisticsGuard guard{all};
  const Plan& plan = function_(given);
  Vector product;
  for (std::size_t i = 0; i + batch_.size() < given.size(); ++i) append(plan.output(i), product);
  return product;
}

std::vector<Eigenpair> Hessian::eigenpairs(std::size_t count, const LanczosOptions& options, bool vectors) {
  return detail::largest_eigenpairs([this](const std::vector<double>& vector) { return times(vector); },
                                    size(), count, options, vectors);
}

std::vector<double> Hessian::largest_eigenvalues(std::size_t count, const LanczosOptions& options) {
  std::vector<double> values;
  for (const auto& pair : eigenpairs(count, options, false)) values.push_back(pair.value);
  return values;
}

std::vector<Eigenpair> Hessian::largest_eigenpairs(std::size_t count, const LanczosOptions& options) {
  return eigenpairs(count, options, true);
}

}  // namespace keel
