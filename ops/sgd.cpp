#include "keel/ops/sgd.hpp"

#include <fmt/format.h>

#include <atomic>
#include <bit>
#include <limits>
#include <numeric>
#include <type_traits>

#include "keel/graph/tape.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

constexpr std::int64_t elements_per_thread = 16384;

template <class T>
struct Stretch {
  T* parameter;
  T* velocity;
  const T* grad;
  std::int64_t count;

  [[nodiscard]] bool continues_with(const Stretch& next) const {
    return next.parameter == parameter + count && next.velocity == velocity + count &&
           next.grad == grad + count;
  }
};

template <class T>
void update(const Stretch<T>& stretch, T learning_rate, T momentum, std::atomic<bool>& finite) {
  // The bits of the exponent: all of them are set in what is not finite.
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  parallel_for(stretch.count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
    T* __restrict parameter = stretch.parameter;
    T* __restrict velocity = stretch.velocity;
    const T* __restrict grad = stretch.grad;
    Bits found = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      velocity[i] = momentum * velocity[i] + grad[i];
      parameter[i] -= learning_rate * velocity[i];
      found |= static_cast<Bits>((std::bit_cast<Bits>(velocity[i]) & exponent) == exponent ? 1 : 0);
    }
    if (found != 0) finite.store(false, std::memory_order_relaxed);
  });
}

// The indices begin, begin + 1, ..., end - 1.
std::vector<std::size_t> range(std::size_t begin, std::size_t end) {
  std::vector<std::size_t> result(end - begin);
  std::iota(result.begin(), result.end(), begin);
  return result;
}

}  // namespace

std::vector<ValueType> SgdUpdateOp::infer(std::span<const ValueType> inputs) const {
  require_shape(inputs[0], Shape{}, "learning_rate");
  require_dtype(inputs[0], DType::f64, "learning_rate");
  const auto count = (inputs.size() - 1) / 3;
  if (count == 0 || inputs.size() != 1 + 3 * count) throw ShapeError{"there are no parameters to update"};
  require_same_float(inputs.subspan(1));
  for (std::size_t i = 1; i <= count; ++i) {
    require_shape(inputs[i + count], inputs[i].shape, "a velocity");
    require_shape(inputs[i + 2 * count], inputs[i].shape, "a gradient");
  }
  return {};
}

template <class T>
Kernel SgdUpdateOp::sweep(const Binding& binding) const {
  struct Item {
    SlotView<T> parameter;
    SlotView<T> velocity;
    SlotView<const T> grad;
    std::int64_t count;
  };
  const auto count = (binding.inputs() - 1) / 3;
  std::vector<Item> items;
  for (std::size_t i = 1; i <= count; ++i) {
    items.push_back({binding.input<T>(i), binding.input<T>(i + count), binding.input<const T>(i + 2 * count),
                     binding.input_type(i).shape.elements()});
  }
  return {[items, rate = binding.input<const double>(0), momentum = static_cast<T>(momentum_)] {
            const auto learning_rate = static_cast<T>(*rate.get());
            std::atomic<bool> finite = true;
            Stretch<T> stretch{};
            for (const auto& item : items) {
              const Stretch<T> next{item.parameter.get(), item.velocity.get(), item.grad.get(), item.count};
              if (stretch.count > 0 && stretch.continues_with(next)) {
                stretch.count += next.count;
                continue;
              }
              update(stretch, learning_rate, momentum, finite);
              stretch = next;
            }
            update(stretch, learning_rate, momentum, finite);
            if (!finite) {
              throw NonFiniteError{
                  "a gradient is not finite: the input was not, or the training diverged; the parameters are "
                  "lost"};
            }
          },
          "loop"};
}

Kernel SgdUpdateOp::bind(const Binding& binding) const {
  return binding.input_type(1).dtype == DType::f64 ? sweep<double>(binding) : sweep<float>(binding);
}

std::vector<std::size_t> SgdUpdateOp::mutates(std::span<const ValueType> inputs) const {
  const auto count = (inputs.size() - 1) / 3;
  return range(1, 1 + 2 * count);
}

std::vector<std::size_t> SgdUpdateOp::adjacent(std::span<const ValueType> inputs) const {
  const auto count = (inputs.size() - 1) / 3;
  return range(1 + 2 * count, 1 + 3 * count);
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
  learning_rate.tape().record(std::make_shared<SgdUpdateOp>(momentum), inputs, where);
}

}  // namespace keel
