#include "keel/ops/sgd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "keel/graph/tape.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

// A cache line of floats. The sweep deals out whole ones, half a matrix to each of two threads: as oneDNN
// deals out the rows of a product, so that each thread finds in its own cache what it wrote there just
// before.
constexpr std::int64_t line = 16;
constexpr std::int64_t lines_per_thread = 1024;

// Parameters that lie side by side, as do their velocities and, unless these are accumulated already,
// gradients.
template <class T>
struct Stretch {
  T* parameter = nullptr;
  T* velocity = nullptr;
  const T* grad = nullptr;  // null if accumulated
  std::int64_t count = 0;

  // Whether `next` begins where this stretch ends; then this one takes it in.
  bool absorb(const Stretch& next) {
    const bool grads_continue = grad == nullptr ? next.grad == nullptr : next.grad == grad + count;
    if (next.parameter != parameter + count || next.velocity != velocity + count || !grads_continue)
      return false;
    count += next.count;
    return true;
  }

  // One update; whether all velocities are finite.
  [[nodiscard]] bool update(T learning_rate, T momentum) const {
    std::atomic<bool> finite = true;
    const auto lines = (count + line - 1) / line;
    parallel_for(lines, lines_per_thread, [&](std::int64_t first, std::int64_t last) {
      const auto begin = first * line;
      const auto length = std::min(last * line, count) - begin;
      const bool part =
          grad == nullptr ? loops::velocity_sweep(parameter + begin, velocity + begin, length, learning_rate)
                          : loops::momentum_sweep(parameter + begin, velocity + begin, grad + begin, length,
                                                  learning_rate, momentum);
      if (!part) finite.store(false, std::memory_order_relaxed);
    });
    return finite;
  }
};

// The indices begin, begin + 1, ..., end - 1.
std::vector<std::size_t> range(std::size_t begin, std::size_t end) {
  std::vector<std::size_t> result(end - begin);
  std::iota(result.begin(), result.end(), begin);
  return result;
}

}  // namespace

std::optional<std::size_t> SgdUpdateOp::grad_input(std::size_t i) const {
  if (accumulated_[i]) return std::nullopt;
  const auto before =
      std::count(accumulated_.begin(), accumulated_.begin() + static_cast<std::ptrdiff_t>(i), false);
  return 1 + 2 * accumulated_.size() + static_cast<std::size_t>(before);
}

std::vector<ValueType> SgdUpdateOp::infer(std::span<const ValueType> inputs) const {
  require_shape(inputs[0], Shape{}, "learning_rate");
  require_dtype(inputs[0], DType::f64, "learning_rate");
  if (accumulated_.empty()) throw ShapeError{"there are no parameters to update"};
  require_same_float(inputs.subspan(1));
  for (std::size_t i = 0; i < accumulated_.size(); ++i) {
    const auto& shape = inputs[parameter_input(i)].shape;
    require_shape(inputs[velocity_input(i)], shape, "a velocity");
    if (const auto grad = grad_input(i)) require_shape(inputs[*grad], shape, "a gradient");
  }
  return {};
}

template <class T>
Kernel SgdUpdateOp::sweep(const Binding& binding) const {
  struct Item {
    SlotView<T> parameter;
    SlotView<T> velocity;
    std::optional<SlotView<const T>> grad;
    std::int64_t count;
  };
  std::vector<Item> items;
  for (std::size_t i = 0; i < accumulated_.size(); ++i) {
    std::optional<SlotView<const T>> grad;
    if (const auto input = grad_input(i)) grad = binding.input<const T>(*input);
    items.push_back({binding.input<T>(parameter_input(i)), binding.input<T>(velocity_input(i)), grad,
                     binding.input_type(parameter_input(i)).shape.elements()});
  }
  return {
      [items, rate = binding.input<const double>(0), momentum = static_cast<T>(momentum_)] {
        const auto learning_rate = static_cast<T>(*rate.get());
        bool finite = true;
        Stretch<T> stretch;
        for (const auto& item : items) {
          const Stretch<T> next{item.parameter.get(), item.velocity.get(),
                                item.grad ? item.grad->get() : nullptr, item.count};
          if (stretch.count > 0 && stretch.absorb(next)) continue;
          finite = stretch.update(learning_rate, momentum) && finite;
          stretch = next;
        }
        finite = stretch.update(learning_rate, momentum) && finite;
        if (finite) return;
        throw NonFiniteError{
            "a gradient is not finite: the input was not, or the training diverged; the parameters are lost"};
      },
      "loop"};
}

Kernel SgdUpdateOp::bind(const Binding& binding) const {
  return binding.input_type(1).dtype == DType::f64 ? sweep<double>(binding) : sweep<float>(binding);
}

std::vector<std::size_t> SgdUpdateOp::mutates(std::span<const ValueType>) const {
  return range(1, 1 + 2 * accumulated_.size());
}

std::vector<std::size_t> SgdUpdateOp::adjacent(std::span<const ValueType> inputs) const {
  return range(1 + 2 * accumulated_.size(), inputs.size());
}

void sgd_update(std::span<const Var> parameters, std::span<const Var> velocities, std::span<const Var> grads,
                const Var& learning_rate, double momentum, const SourceLocation& where) {
  if (parameters.size() != velocities.size() || parameters.size() != grads.size()) {
    throw Error{fmt::format("sgd_update at {}: {} parameters, {} velocities and {} gradients must correspond",
                            describe(where), parameters.size(), velocities.size(), grads.size())};
  }
  std::vector<Var> inputs{learning_rate};
  for (const auto& group : {parameters, velocities, grads})
    inputs.insert(inputs.end(), group.begin(), group.end());
  const auto op = std::make_shared<SgdUpdateOp>(momentum, std::vector<bool>(parameters.size(), false));
  learning_rate.tape().record(op, inputs, where);
}

}  // namespace keel
