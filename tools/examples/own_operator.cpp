// An operator of one's own: a name, a shape rule, a kernel and a derivative, then held to account by
// gradcheck.
#include <fmt/format.h>
#include <keel/keel.hpp>

#include <cmath>

/// dst = (src + sqrt(src^2 + 4)) / 2, a smooth ReLU (Barron 2021).
class Squareplus final : public keel::Operator {
 public:
  std::string_view name() const override { return "squareplus"; }

  std::vector<keel::ValueType> infer(std::span<const keel::ValueType> inputs) const override {
    keel::require_same_float(inputs);
    return {inputs[0]};
  }

  keel::Kernel bind(const keel::Binding& binding) const override {
    return binding.output_type(0).dtype == keel::DType::f64 ? loop<double>(binding) : loop<float>(binding);
  }

  std::vector<keel::Var> vjp(const keel::VjpContext& context) const override {
    return {context.output_grads[0] * context.outputs[0] / keel::sqrt(keel::square(context.inputs[0]) + 4.0)};
  }

 private:
  template <class T>
  static keel::Kernel loop(const keel::Binding& binding) {
    return {[src = binding.input<const T>(0), dst = binding.output<T>(0),
             count = binding.output_type(0).shape.elements()] {
              for (std::int64_t i = 0; i < count; ++i) {
                const T x = src.get()[i];
                const T root = std::sqrt(x * x + 4);
                dst.get()[i] = x > 0 ? (x + root) / 2 : 2 / (root - x);  // the same, without cancellation
              }
            },
            "loop"};
  }
};

keel::Var squareplus(const keel::Var& src,
                     const keel::SourceLocation& where = keel::SourceLocation::current()) {
  return keel::record(std::make_shared<Squareplus>(), {src}, where);
}

struct Model {
  keel::Linear fc1{2, 16}, fc2{16, 1};

  keel::Var operator()(keel::Var points) { return fc2(squareplus(fc1(points))); }
  void visit(auto&& each) { each("fc1", fc1), each("fc2", fc2); }
};

int main() {
  const auto report = keel::gradcheck([](auto v) { return squareplus(v[0] * v[1]); }, {{8, 5}, {8, 5}});
  fmt::print("{}", report.text);

  Model model;  // learns x * y
  keel::Rng random{1};
  keel::initialize(model, random.stream("weights"));
  keel::Adam adam{{.learning_rate = 0.01}};
  keel::TrainingStep step{model, adam, keel::mse};
  keel::Tensor points{{64, 2}}, products{{64, 1}};
  for (int i = 1; i <= 1000; ++i) {
    for (auto& x : points.data<float>()) x = static_cast<float>(random.uniform(-1, 1));
    for (auto p = points.data<float>(); auto& product : products.data<float>()) {
      product = p[0] * p[1];
      p = p.subspan(2);
    }
    const double loss = step(points, products);
    if (i % 250 == 0) fmt::print("step {}: loss {:.4f}\n", i, loss);
  }
  return report.ok ? 0 : 1;
}
