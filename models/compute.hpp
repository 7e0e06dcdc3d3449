#pragma once

#include <array>
#include <concepts>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/call.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

// Arithmetic on tensors at once: to look at numbers, to prepare data. What runs more than once is better
// recorded once, by TrainingStep, Inference or CompiledFunction: here each call records, compiles and runs anew, which
// takes some ten microseconds at least.

/// The outputs of a function of Vars, recorded in inference mode and run once on `inputs`; each has memory of its own.
std::vector<Tensor> compute(const std::function<std::vector<Var>(std::span<const Var>)>& function,
                            std::span<const Tensor> inputs);

/// A tensor with the line of the expression that it stands in: see LocatedVar.
struct LocatedTensor {
  // Implicit on purpose: the conversion is what captures the caller's line.
  // NOLINTNEXTLINE(google-explicit-constructor)
  LocatedTensor(Tensor value, SourceLocation caller = SourceLocation::current())
      : tensor(std::move(value)), where(caller) {}

  Tensor tensor;
  SourceLocation where;
};

/// What a function of Vars returns for these tensors, a Tensor for a Var, or a vector of them:
///
///   Tensor distances = compute([](Var a, Var b) { return sqrt(sum(square(a - b), {1})); }, points, centres);
///   Tensor positive = compute(relu, numbers);
///
/// Throws what the operators throw, and NoValuesError for an undefined tensor.
template <class Function, std::same_as<Tensor>... Tensors>
auto compute(Function&& function, const LocatedTensor& first, const Tensors&... others) {
  const auto call = [&](std::span<const Var> vars) {
    return detail::call(function, vars, std::make_index_sequence<1 + sizeof...(Tensors)>{}, first.where);
  };
  using Result = decltype(call(std::span<const Var>{}));
  const std::array<Tensor, 1 + sizeof...(Tensors)> given{first.tensor, others...};
  if constexpr (std::convertible_to<Result, Var>) {
    const auto one = [&](std::span<const Var> vars) { return std::vector<Var>{call(vars)}; };
    return compute(std::function<std::vector<Var>(std::span<const Var>)>{one}, given).front();
  } else {
    return compute(std::function<std::vector<Var>(std::span<const Var>)>{call}, given);
  }
}

// As of Vars: element by element, with broadcasting, both f32 or both f64; a plain number is rounded to the other
// operand's element type.
Tensor operator+(const LocatedTensor& a, const Tensor& b);
Tensor operator+(const LocatedTensor& a, double b);
Tensor operator+(double a, const LocatedTensor& b);
Tensor operator-(const LocatedTensor& a, const Tensor& b);
Tensor operator-(const LocatedTensor& a, double b);
Tensor operator-(double a, const LocatedTensor& b);
Tensor operator*(const LocatedTensor& a, const Tensor& b);
Tensor operator*(const LocatedTensor& a, double b);
Tensor operator*(double a, const LocatedTensor& b);
Tensor operator/(const LocatedTensor& a, const Tensor& b);
Tensor operator/(const LocatedTensor& a, double b);
Tensor operator/(double a, const LocatedTensor& b);
Tensor operator-(const LocatedTensor& a);

/// As of Vars. (Functions that are also passed on by name, such as `relu`, are called by `compute`.)
Tensor matmul(const Tensor& a, const Tensor& b, Transposes transposes = {},
              const SourceLocation& where = SourceLocation::current());
Tensor sum(const Tensor& src, const Axes& axes = {}, bool keep_axes = false,
           const SourceLocation& where = SourceLocation::current());
Tensor mean(const Tensor& src, const Axes& axes = {}, bool keep_axes = false,
            const SourceLocation& where = SourceLocation::current());

}  // namespace keel
