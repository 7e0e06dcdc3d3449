// Those reductions that the keel program does without.

#include <algorithm>
#include <array>
#include <limits>

#include "keel/graph/tape.hpp"
#include "keel/ops/broadcasting.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/composed.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/transpose.hpp"
#include "keel/ops/types.hpp"

namespace keel {
namespace {

// In double, so that factors in between may be larger or smaller than f32 numbers are.
template <class T>
Kernel prod_loop(const Binding& binding, const Shape& kept) {
  const auto& shape = binding.input_type(0).shape;
  const auto count = kept.elements();
  return {[src = binding.input<const T>(0), dst = binding.output<T>(0), shape, kept, count,
           products = SlotView<double>{*binding.scratch(static_cast<std::size_t>(count) * sizeof(double))},
           runs = runs_of(shape, kept)] {
            std::fill_n(products.get(), count, 1.0);
            const std::int64_t step = runs.stretched ? 0 : 1;
            for (std::int64_t begin = 0; begin < shape.elements(); begin += runs.length) {
              double* product = products.get() + broadcast_index(begin, shape, kept);
              for (std::int64_t i = 0; i < runs.length; ++i) product[i * step] *= src.get()[begin + i];
            }
            std::transform(products.get(), products.get() + count, dst.get(),
                           [](double product) { return static_cast<T>(product); });
          },
          "loop"};
}

// The product of the rows of `rows` (count, n), as (1, n), in about log2(count) products: the first half times
// the second, and so on. Nothing is divided by, so that derivatives are right where elements are 0.
Var product_of_rows(Var rows, const SourceLocation& where) {
  for (auto count = rows.shape()[0]; count > 1; count = rows.shape()[0]) {
    const auto half = count / 2;
    const Var product =
        multiply(slice(rows, 0, 0, half, where), slice(rows, 0, half, 2 * half, where), where);
    rows =
        count % 2 == 0 ? product : concatenate({product, slice(rows, 0, count - 1, count, where)}, 0, where);
  }
  return rows;
}

// The operator behind `prod`.
class ProdOp final : public Operator {
 public:
  ProdOp(Axes axes, bool keep_axes) : axes_(std::move(axes)), keep_axes_(keep_axes) {}
  [[nodiscard]] std::string_view name() const override { return "prod"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"axes", axes_}, {"keep_axes", keep_axes_ ? 1.0 : 0.0}};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    const auto& src = inputs[0].shape;
    return {{keep_axes_ ? with_ones(src, axes_) : without(src, axes_), inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const Shape kept = with_ones(binding.input_type(0).shape, axes_);
    return binding.output_type(0).dtype == DType::f64 ? prod_loop<double>(binding, kept)
                                                      : prod_loop<float>(binding, kept);
  }

  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override {
    const Shape src = inputs[0].shape();
    const Shape kept = with_ones(src, axes_);
    const Shape dst = keep_axes_ ? kept : without(src, axes_);
    if (src.elements() == 0) return {broadcast_to(Term{inputs[0], where}.constant(1.0).var, dst, where)};
    if (src.rank() == 0) return {reshape_to(inputs[0], dst, where)};
    Axes permutation;  // those multiplied over first
    for (const bool reduced : {true, false}) {
      for (std::size_t axis = 0; axis < src.rank(); ++axis) {
        const bool is_reduced = axes_.empty() || is_named(axis, src);
        if (is_reduced == reduced) permutation.push_back(static_cast<std::int64_t>(axis));
      }
    }
    const Shape rows{src.elements() / dst.elements(), dst.elements()};
    const Var turned = reshape_to(transpose(inputs[0], permutation, where), rows, where);
    return {reshape_to(product_of_rows(turned, where), dst, where)};
  }

 private:
  [[nodiscard]] bool is_named(std::size_t axis, const Shape& src) const {
    return std::ranges::any_of(axes_, [&](std::int64_t named) { return axis_of(named, src) == axis; });
  }

  Axes axes_;
  bool keep_axes_;
};

}  // namespace

Var prod(const Var& src, const Axes& axes, bool keep_axes, const SourceLocation& where) {
  return record(std::make_shared<ProdOp>(axes, keep_axes), {src}, where);
}

Var min(const Var& src, const Axes& axes, bool keep_axes, const SourceLocation& where) {
  check_call("min", {&src, 1}, where, [&] {
    require_same_float(std::array{src.type()});
    require_elements(src.shape(), axes, "smallest");
  });
  return negate(max(negate(src, where), axes, keep_axes, where), where);
}

Var argmin(const Var& src, std::int64_t axis, const SourceLocation& where) {
  check_call("argmin", {&src, 1}, where, [&] {
    require_same_float(std::array{src.type()});
    require_elements(src.shape(), {axis}, "smallest");
  });
  return argmax(negate(src, where), axis, where);
}

// log(sum e^(x - m)) + m, m being the largest x, or 0 where that is infinite: infinity - infinity is no number.
Var log_sum_exp(const Var& src, const Axes& axes, bool keep_axes, const SourceLocation& where) {
  check_call("log_sum_exp", {&src, 1}, where, [&] {
    require_same_float(std::array{src.type()});
    require_elements(src.shape(), axes, "largest");
  });
  const Var largest = max(src, axes, true, where);
  const Var is_infinite = equal(abs(largest, where), std::numeric_limits<double>::infinity(), where);
  const Term m{keel::where(is_infinite, 0.0, largest, where), where};
  const Term sum = exp(Term{src, where} - m).sum(axes);
  const Term result = Term{log(sum.var, where), where} + m;
  return keep_axes ? result.var : result.reshaped(without(src.shape(), axes)).var;
}

}  // namespace keel
