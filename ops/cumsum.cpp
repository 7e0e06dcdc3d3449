#include "keel/ops/cumsum.hpp"

#include <algorithm>

#include "keel/graph/tape.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/types.hpp"

namespace keel {
namespace {

// Sums of `extent` rows of `inner` elements.
template <class T>
void sum_up(const T* src, T* dst, double* sums, std::int64_t extent, std::int64_t inner,
            const CumsumOptions& options) {
  std::fill_n(sums, inner, 0.0);
  for (std::int64_t i = 0; i < extent; ++i) {
    const auto row = (options.reverse ? extent - 1 - i : i) * inner;
    for (std::int64_t j = 0; j < inner; ++j) {
      const double before = sums[j];
      sums[j] += src[row + j];
      dst[row + j] = static_cast<T>(options.exclusive ? before : sums[j]);
    }
  }
}

template <class T>
Kernel cumsum_loop(const Binding& binding, std::size_t axis, const CumsumOptions& options) {
  const auto& shape = binding.output_type(0).shape;
  const auto inner = elements_between(shape, axis + 1, shape.rank());
  return {[src = binding.input<const T>(0), dst = binding.output<T>(0), options,
           sums = SlotView<double>{*binding.scratch(static_cast<std::size_t>(inner) * sizeof(double))},
           outer = elements_between(shape, 0, axis), extent = shape[axis], inner] {
            for (std::int64_t o = 0; o < outer; ++o) {
              const auto begin = o * extent * inner;
              sum_up(src.get() + begin, dst.get() + begin, sums.get(), extent, inner, options);
            }
          },
          "loop"};
}

// The operator behind `cumsum`.
class CumsumOp final : public Operator {
 public:
  CumsumOp(std::int64_t axis, const CumsumOptions& options) : axis_(axis), options_(options) {}
  [[nodiscard]] std::string_view name() const override { return "cumsum"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"axis", axis_},
            {"exclusive", options_.exclusive ? 1.0 : 0.0},
            {"reverse", options_.reverse ? 1.0 : 0.0}};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    axis_of(axis_, inputs[0].shape);
    return {inputs[0]};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto& type = binding.output_type(0);
    const auto axis = axis_of(axis_, type.shape);
    return type.dtype == DType::f64 ? cumsum_loop<double>(binding, axis, options_)
                                    : cumsum_loop<float>(binding, axis, options_);
  }

  // Each element is a term of all sums from its own place on.
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const CumsumOptions backward{.exclusive = options_.exclusive, .reverse = !options_.reverse};
    return {cumsum(context.output_grads[0], axis_, backward, context.where)};
  }

 private:
  std::int64_t axis_;
  CumsumOptions options_;
};

}  // namespace

Var cumsum(const Var& src, std::int64_t axis, const CumsumOptions& options, const SourceLocation& where) {
  return record(std::make_shared<CumsumOp>(axis, options), {src}, where);
}

}  // namespace keel
