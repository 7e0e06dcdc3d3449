#include "keel/ops/arithmetic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/binary_op.hpp"
#include "keel/ops/broadcast_pattern.hpp"
#include "keel/ops/broadcasting.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/types.hpp"

namespace keel {
namespace {

BroadcastPattern pattern_of(const Binding& binding) {
  return broadcast_pattern(binding.input_type(0).shape, binding.input_type(1).shape,
                           binding.output_type(0).shape, binding.output_format(0));
}

// One run at a time, along the last axis.
template <class T>
Kernel loop(const Binding& binding, BinaryRun<T> run, std::string implementation) {
  const auto shapes = pattern_of(binding);
  const auto last = shapes.dst.rank() - 1;
  const auto length = shapes.dst[last];
  const auto stretched = shapes.a[last] != length   ? Stretched::a
                         : shapes.b[last] != length ? Stretched::b
                                                    : Stretched::none;
  return {[=, a = binding.input<const T>(0), b = binding.input<const T>(1), dst = binding.output<T>(0)] {
            const auto count = shapes.dst.elements();
            for (std::int64_t i = 0; i < count; i += length) {
              run(a.get() + broadcast_index(i, shapes.dst, shapes.a),
                  b.get() + broadcast_index(i, shapes.dst, shapes.b), stretched, dst.get() + i, length);
            }
          },
          std::move(implementation)};
}

}  // namespace

std::vector<ValueType> BinaryOp::infer(std::span<const ValueType> inputs) const {
  if (function_.s32 != nullptr && inputs[0].dtype == DType::s32) {
    require_dtype(inputs[1], DType::s32, "what is compared with s32");
  } else {
    require_same_float(inputs);
  }
  return {{broadcast(inputs[0].shape, inputs[1].shape), inputs[0].dtype}};
}

Kernel BinaryOp::bind(const Binding& binding) const {
  if (binding.output_type(0).dtype == DType::s32) return loop<std::int32_t>(binding, function_.s32, "loop");
  return binding.output_type(0).dtype == DType::f64 ? loop<double>(binding, function_.f64, "reference")
                                                    : loop<float>(binding, function_.f32, "loop");
}

std::vector<Var> BinaryOp::vjp(const VjpContext& context) const {
  std::vector<Var> grads(2);
  for (std::size_t i = 0; i < 2; ++i) {
    if (!context.needed[i]) continue;
    const Var whole = function_.grad(context, i);
    if (whole.defined()) grads[i] = sum_to(whole, context.inputs[i].shape(), context.where);
  }
  return grads;
}

// An image (C, H, W) broadcasts to a batch of them, but is row-major always: so is what meets it then.
Formats BinaryOp::formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                          std::span<const ValueType> outputs) const {
  const auto is_image = [](const ValueType& type) {
    const auto& shape = type.shape;
    return shape.rank() == 3 && shape[0] > 1 && shape[1] * shape[2] > 1;
  };
  if (outputs[0].shape.rank() != 4 || std::ranges::any_of(inputs, is_image)) {
    return Operator::formats(inputs, present, outputs);
  }
  return formats_alike(inputs, present, outputs);
}

namespace {

enum class Kind : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  maximum,
  share_of_maximum,  // of the gradient, for a: 1 where a > b, 1/2 where they are equal, else 0
};

struct Row {
  BinaryFunction function;
  dnnl::algorithm algorithm;  // undef: the loop alone
  bool commutes;              // with every bit, NaN's included
};

template <class Function, class Grad>
constexpr Row row(std::string_view name, dnnl::algorithm algorithm, bool commutes, Function function,
                  Grad grad) {
  return {binary_function(name, function, grad), algorithm, commutes};
}

// Records that kind of function.
Var arithmetic(Kind kind, const Var& a, const Var& b, const SourceLocation& where);

// By Kind. With g the gradient of dst and y = dst:
constexpr std::array table{
    row(
        "add", dnnl::algorithm::binary_add, true, [](auto a, auto b) { return a + b; },
        [](const VjpContext& c, std::size_t) { return c.output_grads[0]; }),
    row(
        "subtract", dnnl::algorithm::binary_sub, false, [](auto a, auto b) { return a - b; },
        [](const VjpContext& c, std::size_t i) {
          return i == 0 ? c.output_grads[0] : negate(c.output_grads[0], c.where);
        }),
    row(
        "multiply", dnnl::algorithm::binary_mul, true, [](auto a, auto b) { return a * b; },
        [](const VjpContext& c, std::size_t i) {
          return multiply(c.output_grads[0], c.inputs[1 - i], c.where);
        }),
    // d(a/b)/da = 1/b, d(a/b)/db = -a/b^2 = -y/b
    row(
        "divide", dnnl::algorithm::binary_div, false, [](auto a, auto b) { return a / b; },
        [](const VjpContext& c, std::size_t i) {
          const auto& g = c.output_grads[0];
          if (i == 0) return divide(g, c.inputs[1], c.where);
          return negate(divide(multiply(g, c.outputs[0], c.where), c.inputs[1], c.where), c.where);
        }),
    row(
        // By a loop: oneDNN's kernel takes the other operand for the larger one where one is NaN.
        "maximum", dnnl::algorithm::undef, false,
        [](auto a, auto b) { return a > b || std::isnan(a) ? a : b; },
        [](const VjpContext& c, std::size_t i) {
          const Var share = arithmetic(Kind::share_of_maximum, c.inputs[i], c.inputs[1 - i], c.where);
          return multiply(c.output_grads[0], share, c.where);
        }),
    // Constant but for jumps.
    row(
        "share_of_maximum", dnnl::algorithm::undef, false,
        [](auto a, auto b) {
          using T = decltype(a);
          return a < b ? T{0} : a == b ? T{0.5} : a > b ? T{1} : a - b;  // NaN where either is
        },
        [](const VjpContext&, std::size_t) { return Var{}; }),
};

// oneDNN's kernel, where it has a fast one. It stretches its second source alone; for other patterns it has
// the generic kernel, which takes 100 ns an element.
std::optional<Kernel> onednn_kernel(const Binding& binding, const Row& kind) {
  if (kind.algorithm == dnnl::algorithm::undef) return {};
  const auto shapes = pattern_of(binding);
  const bool swapped = shapes.a != shapes.dst;
  if (swapped && (!kind.commutes || shapes.b != shapes.dst)) return {};
  const auto dst = onednn::dense(shapes.dst);
  const auto src1 = onednn::dense(swapped ? shapes.a : shapes.b);
  auto call = onednn::binary(kind.algorithm, dst, src1, dst);
  if (call.implementation().starts_with("ref")) return {};
  call.argument(DNNL_ARG_SRC_0, dst, binding.input_slot(swapped ? 1 : 0));
  call.argument(DNNL_ARG_SRC_1, src1, binding.input_slot(swapped ? 0 : 1));
  call.argument(DNNL_ARG_DST, dst, binding.output_slot(0));
  return finish(std::move(call), binding);
}

// The operator behind all of them; each kind is a row of the table.
class ArithmeticOp final : public BinaryOp {
 public:
  explicit ArithmeticOp(const Row& row) : BinaryOp(row.function), row_(row) {}

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    if (binding.output_type(0).dtype == DType::f32) {
      if (auto kernel = onednn_kernel(binding, row_)) return std::move(*kernel);
    }
    return BinaryOp::bind(binding);
  }

 private:
  const Row& row_;
};

Var arithmetic(Kind kind, const Var& a, const Var& b, const SourceLocation& where) {
  return record(std::make_shared<ArithmeticOp>(table.at(static_cast<std::size_t>(kind))), {a, b}, where);
}

// `value` as a scalar to compute with `other`. Where that is neither f32 nor f64, the shape rule says so.
Var constant(double value, const Var& other) {
  return other.tape().constant(value, other.dtype() == DType::f64 ? DType::f64 : DType::f32);
}

}  // namespace

Var add(const Var& a, const Var& b, const SourceLocation& where) {
  return arithmetic(Kind::add, a, b, where);
}

Var subtract(const Var& a, const Var& b, const SourceLocation& where) {
  return arithmetic(Kind::subtract, a, b, where);
}

Var multiply(const Var& a, const Var& b, const SourceLocation& where) {
  return arithmetic(Kind::multiply, a, b, where);
}

Var divide(const Var& a, const Var& b, const SourceLocation& where) {
  return arithmetic(Kind::divide, a, b, where);
}

Var maximum(const Var& a, const Var& b, const SourceLocation& where) {
  return arithmetic(Kind::maximum, a, b, where);
}

Var operator+(const LocatedVar& a, const Var& b) {
  return add(a.var, b, a.where);
}

Var operator+(const LocatedVar& a, double b) {
  return add(a.var, constant(b, a.var), a.where);
}

Var operator+(double a, const LocatedVar& b) {
  return add(constant(a, b.var), b.var, b.where);
}

Var operator-(const LocatedVar& a, const Var& b) {
  return subtract(a.var, b, a.where);
}

Var operator-(const LocatedVar& a, double b) {
  return subtract(a.var, constant(b, a.var), a.where);
}

Var operator-(double a, const LocatedVar& b) {
  return subtract(constant(a, b.var), b.var, b.where);
}

Var operator*(const LocatedVar& a, const Var& b) {
  return multiply(a.var, b, a.where);
}

Var operator*(const LocatedVar& a, double b) {
  return multiply(a.var, constant(b, a.var), a.where);
}

Var operator*(double a, const LocatedVar& b) {
  return multiply(constant(a, b.var), b.var, b.where);
}

Var operator/(const LocatedVar& a, const Var& b) {
  return divide(a.var, b, a.where);
}

Var operator/(const LocatedVar& a, double b) {
  return divide(a.var, constant(b, a.var), a.where);
}

Var operator/(double a, const LocatedVar& b) {
  return divide(constant(a, b.var), b.var, b.where);
}

}  // namespace keel
