#include "keel/models/compute.hpp"

#include "keel/graph/plan.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/reduce.hpp"

namespace keel {
namespace {

using Record = std::function<std::vector<Var>(std::span<const Var>)>;

Tensor one(std::initializer_list<Tensor> inputs, const auto& record) {
  const Record function = [&](std::span<const Var> vars) { return std::vector<Var>{record(vars)}; };
  return compute(function, std::span{inputs.begin(), inputs.size()}).front();
}

// `binary` of a tensor and another, or a number, in either order.
Tensor of(const LocatedTensor& a, const Tensor& b, const auto& binary) {
  return one({a.tensor, b}, [&](auto vars) { return binary(LocatedVar{vars[0], a.where}, vars[1]); });
}
Tensor of(const LocatedTensor& a, double b, const auto& binary) {
  return one({a.tensor}, [&](auto vars) { return binary(LocatedVar{vars[0], a.where}, b); });
}
Tensor of(double a, const LocatedTensor& b, const auto& binary) {
  return one({b.tensor}, [&](auto vars) { return binary(a, LocatedVar{vars[0], b.where}); });
}

constexpr auto plus = [](const auto& a, const auto& b) { return a + b; };
constexpr auto minus = [](const auto& a, const auto& b) { return a - b; };
constexpr auto times = [](const auto& a, const auto& b) { return a * b; };
constexpr auto over = [](const auto& a, const auto& b) { return a / b; };

}  // namespace

std::vector<Tensor> compute(const Record& function, std::span<const Tensor> inputs) {
  Tape tape{Mode::inference};
  std::vector<Var> vars;
  for (const auto& input : inputs) {
    require_values(input, "a tensor that was to be computed with");
    vars.push_back(tape.input(input.type()));
  }
  const auto outputs = function(vars);
  Plan plan{tape, outputs, {.rules = fusion_rules()}};
  for (std::size_t i = 0; i < inputs.size(); ++i) plan.bind(vars[i], inputs[i]);
  plan.run();
  std::vector<Tensor> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) results.push_back(plan.output(i).clone());
  return results;
}

Tensor operator+(const LocatedTensor& a, const Tensor& b) {
  return of(a, b, plus);
}
Tensor operator+(const LocatedTensor& a, double b) {
  return of(a, b, plus);
}
Tensor operator+(double a, const LocatedTensor& b) {
  return of(a, b, plus);
}
Tensor operator-(const LocatedTensor& a, const Tensor& b) {
  return of(a, b, minus);
}
Tensor operator-(const LocatedTensor& a, double b) {
  return of(a, b, minus);
}
Tensor operator-(double a, const LocatedTensor& b) {
  return of(a, b, minus);
}
Tensor operator*(const LocatedTensor& a, const Tensor& b) {
  return of(a, b, times);
}
Tensor operator*(const LocatedTensor& a, double b) {
  return of(a, b, times);
}
Tensor operator*(double a, const LocatedTensor& b) {
  return of(a, b, times);
}
Tensor operator/(const LocatedTensor& a, const Tensor& b) {
  return of(a, b, over);
}
Tensor operator/(const LocatedTensor& a, double b) {
  return of(a, b, over);
}
Tensor operator/(double a, const LocatedTensor& b) {
  return of(a, b, over);
}

Tensor operator-(const LocatedTensor& a) {
  return one({a.tensor}, [&](auto vars) { return negate(vars[0], a.where); });
}

Tensor matmul(const Tensor& a, const Tensor& b, Transposes transposes, const SourceLocation& where) {
  return one({a, b}, [&](auto vars) { return matmul(vars[0], vars[1], transposes, where); });
}
Tensor sum(const Tensor& src, const Axes& axes, bool keep_axes, const SourceLocation& where) {
  return one({src}, [&](auto vars) { return sum(vars[0], axes, keep_axes, where); });
}
Tensor mean(const Tensor& src, const Axes& axes, bool keep_axes, const SourceLocation& where) {
  return one({src}, [&](auto vars) { return mean(vars[0], axes, keep_axes, where); });
}

}  // namespace keel
