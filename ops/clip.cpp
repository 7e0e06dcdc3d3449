#include "keel/ops/clip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "keel/graph/tape.hpp"
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

  void scale(T factor) const {
    parallel_for(pieces(), pieces_per_thread, [&](std::int64_t first, std::int64_t last) {
      for (auto i = first; i < last; ++i)
        loops::scaled_copy(src.get() + i * piece, dst.get() + i * piece, length(i), factor);
    });
  }
};

double clipping_factor(double norm, double max_norm) {
  if (!std::isfinite(norm)) return std::numeric_limits<double>::quiet_NaN();
  return std::min(max_norm / (norm + 1e-6), 1.0);
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
              *norm.get() = std::sqrt(total);
              const auto factor = static_cast<T>(clipping_factor(*norm.get(), max_norm));
              for (const auto& grad : grads) grad.scale(factor);
            },
            "loop"};
  }

  double max_norm_;
};

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
