#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/operator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Which operand is one element for the whole of a run of elements, if one is.
enum class Stretched : std::uint8_t { none, a, b };

/// dst[i] = function(a[i], b[i]); dst may be a.
template <class T>
using BinaryRun = void (*)(const T* a, const T* b, Stretched stretched, T* dst, std::int64_t count);

/// A function of two numbers, as a row of a table.
struct BinaryFunction {
  std::string_view name;
  BinaryRun<float> f32;
  BinaryRun<double> f64;
  /// The gradient of operand `i`, of dst's shape; undefined where it is zero.
  Var (*grad)(const VjpContext& context, std::size_t i);
  BinaryRun<std::int32_t> s32 = nullptr;  ///< where it takes s32 as well
};

template <class T, class Function>
void run_of(const T* a, const T* b, Stretched stretched, T* dst, std::int64_t count) {
  constexpr Function function{};
  const T first_a = *a;
  const T first_b = *b;
  switch (stretched) {
    case Stretched::none:
      for (std::int64_t i = 0; i < count; ++i) dst[i] = function(a[i], b[i]);
      break;
    case Stretched::a:
      for (std::int64_t i = 0; i < count; ++i) dst[i] = function(first_a, b[i]);
      break;
    case Stretched::b:
      for (std::int64_t i = 0; i < count; ++i) dst[i] = function(a[i], first_b);
      break;
  }
}

/// The row of a function without state, for both element types.
template <class Function, class Grad>
constexpr BinaryFunction binary_function(std::string_view name, Function, Grad grad) {
  return {name, run_of<float, Function>, run_of<double, Function>, grad};
}

/// The operator of such a function, by a loop, with NumPy's broadcasting. The table outlasts it.
class BinaryOp : public Operator {
 public:
  explicit BinaryOp(const BinaryFunction& function) : function_(function) {}
  [[nodiscard]] std::string_view name() const final { return function_.name; }
  [[nodiscard]] bool is_same(const Operator& other) const final {
    const auto* same = dynamic_cast<const BinaryOp*>(&other);
    return same != nullptr && &same->function_ == &function_;
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const final;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const final;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const final;
  [[nodiscard]] bool may_overwrite(std::size_t input) const final { return input == 0; }

 private:
  const BinaryFunction& function_;
};

}  // namespace keel

#pragma GCC visibility pop
