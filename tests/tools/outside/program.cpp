// Someone else's program, for install_test.cpp: it has an operator of its own, trains a small model and
// catches what keel throws by its type.

#include <cstdio>
#include <keel/keel.hpp>

namespace {

class NegateOp final : public keel::Operator {
 public:
  std::string_view name() const override { return "negate"; }
  std::vector<keel::ValueType> infer(std::span<const keel::ValueType> inputs) const override {
    return {inputs[0]};
  }
  keel::Kernel bind(const keel::Binding& binding) const override {
    const auto count = binding.input_type(0).shape.elements();
    return {[src = binding.input<const float>(0), dst = binding.output<float>(0), count] {
              keel::parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
                for (auto i = begin; i < end; ++i) dst.get()[i] = -src.get()[i];
              });
            },
            "loop"};
  }
  std::vector<keel::Var> vjp(const keel::VjpContext& context) const override {
    return {keel::record(std::make_shared<NegateOp>(), {context.output_grads[0]}, context.where)};
  }
};

struct Model {
  keel::Linear fc1{2, 16, {.bias = false}}, fc2{16, 2};
  keel::BatchNorm bn1{16};

  keel::Var operator()(keel::Var points) {
    const auto hidden = keel::relu(bn1(fc1(points)));
    return fc2(keel::record(std::make_shared<NegateOp>(), {hidden}, keel::SourceLocation::current()));
  }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("fc2", fc2); }
};

}  // namespace

int main() {
  keel::Rng random{1};
  keel::Tensor points{{64, 2}}, labels{{64}, keel::DType::s32};
  for (int i = 0; i < 64; ++i) {
    const auto p = points.data<float>().subspan(static_cast<std::size_t>(2 * i), 2);
    for (auto& x : p) x = static_cast<float>(random.uniform(-1, 1));
    labels.data<int>()[static_cast<std::size_t>(i)] = p[0] > p[1];
  }
  Model model;
  keel::initialize(model, random.stream("weights"));
  keel::Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  keel::TrainingStep step{model, sgd, keel::cross_entropy};
  const double first = step(points, labels);
  double last = first;
  for (int i = 0; i < 50; ++i) last = step(points, labels);
  std::printf("%s\n", last < 0.5 * first ? "learned" : "did not learn");
  try {
    step(keel::Tensor{{64, 3}}, labels);
  } catch (const keel::ShapeError& error) {
    std::printf("caught: %s\n", error.what());
  }
}
