// Those functions of elementwise.hpp that the keel program does without.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "keel/graph/tape.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/special_loops.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

using loops::Settings;

enum class Function : std::uint8_t {
  abs,
  sign,
  floor,
  ceil,
  round,
  clamp,
  is_between,
  log1p,
  expm1,
  softplus,
  silu,
  erf,
  sin,
  cos,
  pow,
};

// What a derivative is made of: the gradient of y, src x and dst y.
struct Terms {
  Term grad;
  Term x;
  Term y;
  Settings settings;
};

struct FunctionRow {
  std::string_view name;
  loops::SpecialLoop* f32;
  double (*f64)(double x, Settings settings);
  /// The gradient of src; none where it is zero.
  Var (*grad)(const Terms& t);
};

Term special(Function function, const Term& x, Settings settings = {});

Var nothing(const Terms&) {
  return {};
}

// By Function.
constexpr std::array functions{
    FunctionRow{.name = "abs",
                .f32 = loops::absolute,
                .f64 = [](double x, Settings) { return std::abs(x); },
                .grad = [](const Terms& t) { return (t.grad * special(Function::sign, t.x)).var; }},
    FunctionRow{.name = "sign",
                .f32 = loops::sign,
                .f64 = [](double x, Settings) { return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : x); },
                .grad = nothing},
    FunctionRow{.name = "floor",
                .f32 = loops::floor,
                .f64 = [](double x, Settings) { return std::floor(x); },
                .grad = nothing},
    FunctionRow{.name = "ceil",
                .f32 = loops::ceil,
                .f64 = [](double x, Settings) { return std::ceil(x); },
                .grad = nothing},
    FunctionRow{.name = "round",
                .f32 = loops::round,
                .f64 = [](double x, Settings) { return std::nearbyint(x); },
                .grad = nothing},
    FunctionRow{
        .name = "clamp",
        .f32 = loops::clamp,
        .f64 =
            [](double x, Settings bounds) {
              const double raised = x < bounds.a ? bounds.a : x;
              return raised > bounds.b ? bounds.b : raised;
            },
        .grad = [](const Terms& t) { return (t.grad * special(Function::is_between, t.x, t.settings)).var; }},
    FunctionRow{.name = "is_between",
                .f32 = loops::is_between,
                .f64 = [](double x, Settings bounds) { return x >= bounds.a && x <= bounds.b ? 1.0 : 0.0; },
                .grad = nothing},
    FunctionRow{.name = "log1p",
                .f32 = loops::log1p,
                .f64 = [](double x, Settings) { return std::log1p(x); },
                .grad = [](const Terms& t) { return (t.grad / (t.x + 1.0)).var; }},
    FunctionRow{.name = "expm1",
                .f32 = loops::expm1,
                .f64 = [](double x, Settings) { return std::expm1(x); },
                .grad = [](const Terms& t) { return (t.grad * (t.y + 1.0)).var; }},
    FunctionRow{
        .name = "softplus",
        .f32 = loops::softplus,
        .f64 = [](double x, Settings) { return std::log1p(std::exp(-std::abs(x))) + (x > 0.0 ? x : 0.0); },
        .grad = [](const Terms& t) { return (t.grad * sigmoid(t.x)).var; }},
    // With s the logistic function and y = x s, y' = s + x s (1 - s).
    FunctionRow{.name = "silu",
                .f32 = loops::silu,
                .f64 = [](double x, Settings) { return x / (1.0 + std::exp(-x)); },
                .grad =
                    [](const Terms& t) {
                      const Term s = sigmoid(t.x);
                      return (t.grad * (s + t.y * (1.0 - s))).var;
                    }},
    FunctionRow{.name = "erf",
                .f32 = loops::erf,
                .f64 = [](double x, Settings) { return std::erf(x); },
                .grad =
                    [](const Terms& t) {
                      return (t.grad * exp(square(t.x) * -1.0) * (2.0 * std::numbers::inv_sqrtpi)).var;
                    }},
    FunctionRow{.name = "sin",
                .f32 = loops::sin,
                .f64 = [](double x, Settings) { return std::sin(x); },
                .grad = [](const Terms& t) { return (t.grad * special(Function::cos, t.x)).var; }},
    FunctionRow{.name = "cos",
                .f32 = loops::cos,
                .f64 = [](double x, Settings) { return std::cos(x); },
                .grad = [](const Terms& t) { return (t.grad * special(Function::sin, t.x) * -1.0).var; }},
    // The power of 0 is constant, at 0 as well.
    FunctionRow{
        .name = "pow",
        .f32 = loops::power,
        .f64 = [](double x, Settings settings) { return std::pow(x, settings.a); },
        .grad =
            [](const Terms& t) {
              const double exponent = t.settings.a;
              if (exponent == 0.0) return Var{};
              return (t.grad * (Term{pow(t.x.var, exponent - 1.0, t.x.where), t.x.where} * exponent)).var;
            }},
};

// The operator behind these functions, each of which is a row.
class MoreElementwiseOp final : public Operator {
 public:
  MoreElementwiseOp(Function function, Settings settings)
      : row_(functions.at(static_cast<std::size_t>(function))), settings_(settings) {}
  [[nodiscard]] std::string_view name() const override { return row_.name; }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    if (row_.name == "pow") return {{"exponent", settings_.a}};
    if (row_.name == "clamp") return {{"lower", settings_.a}, {"upper", settings_.b}};
    return {};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    return {inputs[0]};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    constexpr std::int64_t elements_per_thread = 16384;
    const auto& type = binding.output_type(0);
    if (type.dtype == DType::f32) {
      return {[loop = row_.f32, settings = settings_, src = binding.input<const float>(0),
               dst = binding.output<float>(0), count = type.shape.elements()] {
                parallel_for(count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
                  loop(src.get() + begin, dst.get() + begin, end - begin, settings);
                });
              },
              "loop"};
    }
    return {[function = row_.f64, settings = settings_, src = binding.input<const double>(0),
             dst = binding.output<double>(0), count = type.shape.elements()] {
              for (std::int64_t i = 0; i < count; ++i) dst.get()[i] = function(src.get()[i], settings);
            },
            "reference"};
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto term = [&](const Var& var) { return Term{var, context.where}; };
    return {row_.grad(
        {term(context.output_grads[0]), term(context.inputs[0]), term(context.outputs[0]), settings_})};
  }

  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t) const override { return true; }

 private:
  const FunctionRow& row_;
  Settings settings_;
};

Var elementwise(Function function, const Var& src, const SourceLocation& where, Settings settings = {}) {
  return record(std::make_shared<MoreElementwiseOp>(function, settings), {src}, where);
}

Term special(Function function, const Term& x, Settings settings) {
  return {elementwise(function, x.var, x.where, settings), x.where};
}

}  // namespace

Var abs(const Var& src, const SourceLocation& where) {
  return elementwise(Function::abs, src, where);
}

Var sign(const Var& src, const SourceLocation& where) {
  return elementwise(Function::sign, src, where);
}

Var floor(const Var& src, const SourceLocation& where) {
  return elementwise(Function::floor, src, where);
}

Var ceil(const Var& src, const SourceLocation& where) {
  return elementwise(Function::ceil, src, where);
}

Var round(const Var& src, const SourceLocation& where) {
  return elementwise(Function::round, src, where);
}

Var clamp(const Var& src, std::optional<double> lower, std::optional<double> upper,
          const SourceLocation& where) {
  if (!lower && !upper) {
    throw Error{fmt::format("clamp at {}: there is no bound; give a lower one, an upper one or both",
                            describe(where))};
  }
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Settings bounds{lower.value_or(-infinity), upper.value_or(infinity)};
  if (std::isnan(bounds.a) || std::isnan(bounds.b))
    throw Error{fmt::format("clamp at {}: a bound is NaN", describe(where))};
  return elementwise(Function::clamp, src, where, bounds);
}

Var log1p(const Var& src, const SourceLocation& where) {
  return elementwise(Function::log1p, src, where);
}

Var expm1(const Var& src, const SourceLocation& where) {
  return elementwise(Function::expm1, src, where);
}

Var softplus(const Var& src, const SourceLocation& where) {
  return elementwise(Function::softplus, src, where);
}

Var silu(const Var& src, const SourceLocation& where) {
  return elementwise(Function::silu, src, where);
}

Var elu(const Var& src, double alpha, const SourceLocation& where) {
  const Var above = greater(src, 0.0, where);
  const Term below{expm1(keel::where(above, 0.0, src, where), where), where};
  return keel::where(above, src, (below * alpha).var, where);
}

Var erf(const Var& src, const SourceLocation& where) {
  return elementwise(Function::erf, src, where);
}

Var sin(const Var& src, const SourceLocation& where) {
  return elementwise(Function::sin, src, where);
}

Var cos(const Var& src, const SourceLocation& where) {
  return elementwise(Function::cos, src, where);
}

Var tan(const Var& src, const SourceLocation& where) {
  return divide(sin(src, where), cos(src, where), where);
}

Var reciprocal(const Var& src, const SourceLocation& where) {
  return 1.0 / LocatedVar{src, where};
}

Var pow(const Var& base, double exponent, const SourceLocation& where) {
  return exponent == 1.0 ? base : elementwise(Function::pow, base, where, {exponent});
}

}  // namespace keel
