#include "keel/ops/clip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

// Squares are summed in pieces of this many elements, and the pieces' sums in order: the norm does not depend
// on the number of threads.
constexpr std::int64_t piece = 4096;
constexpr std::int64_t pieces_per_thread = 4;

template <class T>
struct Gradient {
  SlotView<const T> src;
  SlotView<T> dst;
  std::int64_t count;

  [[nodiscard]] std::int64_t pieces() const { return (count + piece - 1) / piece; }
  [[nodiscard]] std::int64_t length(std::int64_t index) const {
    return std::min(piece, count - index * piece);
  }

  // Writes the sum of squares of each piece to `sums`.
  void sum_squares(double* sums) const {
    parallel_for(pieces(), pieces_per_thread, [&](std::int64_t first, std::int64_t last) {
      for (auto i = first; i < last; ++i) sums[i] = loops::sum_of_squares(src.get() + i * piece, length(i));
    });
  }

  void scale(double factor) const {
    parallel_for(pieces(), pieces_per_thread, [&](std::int64_t first, std::int64_t last) {
      for (auto i = first; i < last; ++i)
        loops::scaled_copy(src.get() + i * piece, dst.get() + i * piece, length(i), static_cast<T>(factor));
    });
  }

  // By a power of two and a factor, whose product T may not hold.
  void scale(int exponent, double factor) const {
    for (std::int64_t i = 0; i < count; ++i)
      dst.get()[i] = static_cast<T>(std::ldexp(static_cast<double>(src.get()[i]), exponent) * factor);
  }
};

// root * 2^exponent, of which the exponent is 0 but for norms whose squares a double does not hold.
struct Norm {
  double root = 0.0;
  int exponent = 0;
  [[nodiscard]] double value() const { return std::ldexp(root, exponent); }
};

// Where the squares overflow, or vanish, they are those of the elements over the largest one's power of two.
template <class T>
Norm norm_of_extremes(const std::vector<Gradient<T>>& grads) {
  double largest = 0.0;
  for (const auto& grad : grads)
    for (std::int64_t i = 0; i < grad.count; ++i) {
      const double element = std::abs(static_cast<double>(grad.src.get()[i]));
      if (!std::isfinite(element)) return {.root = element};
      largest = std::max(largest, element);
    }
  if (largest == 0.0) return {};
  const int exponent = std::ilogb(largest);
  double squares = 0.0;
  for (const auto& grad : grads)
    for (std::int64_t i = 0; i < grad.count; ++i) {
      const double element = std::ldexp(static_cast<double>(grad.src.get()[i]), -exponent);
      squares += element * element;
    }
  return {.root = std::sqrt(squares), .exponent = exponent};
}

template <class T>
void clip(const std::vector<Gradient<T>>& grads, const Norm& norm, double max_norm) {
  double factor = std::numeric_limits<double>::quiet_NaN();
  if (norm.root == 0.0 || (max_norm == std::numeric_limits<double>::infinity() && std::isfinite(norm.root)))
    factor = 1.0;
  else if (std::isfinite(norm.root))
    factor = std::min(max_norm / (norm.value() + 1e-6), 1.0);
  if (factor < static_cast<double>(std::numeric_limits<T>::min())) {
    const int exponent = std::ilogb(norm.root);
    const double mantissa = std::ldexp(norm.root, -exponent);
    for (const auto& grad : grads) grad.scale(-exponent - norm.exponent, max_norm / mantissa);
    return;
  }
  for (const auto& grad : grads) grad.scale(factor);
}

// The operator behind `clip_by_norm`. Inputs: the gradients. Outputs: these scaled, and the norm.
class ClipByNormOp final : public Operator {
 public:
  explicit ClipByNormOp(double max_norm) : max_norm_(max_norm) {}
  [[nodiscard]] std::string_view name() const override { return "clip_by_norm"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    std::vector<ValueType> outputs(inputs.begin(), inputs.end());
    outputs.push_back({Shape{}, DType::f64});
    return outputs;
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.input_type(0).dtype == DType::f64 ? loop<double>(binding) : loop<float>(binding);
  }

  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override;

 private:
  template <class T>
  [[nodiscard]] Kernel loop(const Binding& binding) const {
    std::vector<Gradient<T>> grads;
    std::int64_t pieces = 0;
    for (std::size_t i = 0; i < binding.inputs(); ++i) {
      grads.push_back(
          {binding.input<const T>(i), binding.output<T>(i), binding.input_type(i).shape.elements()});
      pieces += grads.back().pieces();
    }
    const SlotView<double> scratch{*binding.scratch(static_cast<std::size_t>(pieces + 1) * sizeof(double))};
    return {[grads, pieces, scratch, norm = binding.output<double>(grads.size()), max_norm = max_norm_] {
              double* sums = scratch.get();
              for (const auto& grad : grads) {
                grad.sum_squares(sums);
                sums += grad.pieces();
              }
              double total = 0.0;
              for (std::int64_t i = 0; i < pieces; ++i) total += scratch.get()[i];
              constexpr double least = 1e-280;  // below that squares lose digits
              const bool is_extreme = !(total >= least) || !std::isfinite(total);
              const auto found = is_extreme ? norm_of_extremes(grads) : Norm{.root = std::sqrt(total)};
              *norm.get() = found.value();
              clip(grads, found, max_norm);
            },
            "loop"};
  }

  double max_norm_;
};

// The least number keeps the root's derivative finite where all gradients are zero.
std::vector<Var> ClipByNormOp::expand(std::span<const Var> inputs, const SourceLocation& where) const {
  const bool is_double = inputs[0].dtype() == DType::f64;
  const double least = is_double ? 1e-300 : 1e-37;
  const double most = is_double ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  Term squares = Term{inputs[0], where}.constant(least);
  for (const auto& grad : inputs) squares = squares + square(Term{grad, where}).sum({}).reshaped({});
  const Term norm = sqrt(squares);
  std::vector<Var> outputs(inputs.begin(), inputs.end());
  if (max_norm_ <= most) {  // else nothing is clipped that has a finite norm
    const Term limit = norm.constant(max_norm_);
    const Term factor = limit / Term{maximum((norm + 1e-6).var, limit.var, where), where};
    for (auto& grad : outputs) grad = (Term{grad, where} * factor).var;
  }
  outputs.push_back(norm.var);
  return outputs;
}

}  // namespace

ClippedGradients clip_by_norm(std::span<const Var> grads, double max_norm, const SourceLocation& where) {
  if (grads.empty()) throw Error{fmt::format("clip_by_norm at {}: there are no gradients", describe(where))};
  if (!(max_norm > 0.0)) {
    throw Error{
        fmt::format("clip_by_norm at {}: max_norm must be positive, not {}", describe(where), max_norm)};
  }
  auto outputs = grads[0].tape().record(std::make_shared<ClipByNormOp>(max_norm), grads, where);
  const Var norm = outputs.back();
  outputs.pop_back();
  return {std::move(outputs), norm};
}

}  // namespace keel
