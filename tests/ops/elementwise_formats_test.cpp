// Values of four axes may lie with their channels last: the operators on elements take them as they are.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/relu.hpp"

namespace {

using namespace keel;

using Vars = std::span<const Var>;

// Passes an image on with its channels last.
class ChannelsLastOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "channels_last"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return {[src = binding.input<const float>(0), dst = binding.output<float>(0),
             count = binding.output_type(0).shape.elements()] { std::copy_n(src.get(), count, dst.get()); },
            "loop"};
  }
  [[nodiscard]] Formats formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                std::span<const ValueType>) const override {
    return {{MemoryFormat::channels_last}, {MemoryFormat::channels_last}};
  }
};

struct Result {
  std::vector<double> values;
  std::vector<std::string> steps;
};

// What `function` makes of `inputs`, of which the first are put with their channels last.
Result run(const std::function<Var(Vars)>& function, const std::vector<Tensor>& inputs,
           std::size_t channels_last) {
  Tape tape;
  std::vector<Var> vars;
  std::vector<Var> prepared;
  for (const auto& input : inputs) {
    vars.push_back(tape.input(input.type()));
    const bool changed = prepared.size() < channels_last;
    prepared.push_back(changed ? tape.record_one(std::make_shared<ChannelsLastOp>(),
                                                 std::span{&vars.back(), 1}, SourceLocation::current())
                               : vars.back());
  }
  const Var output = function(prepared);
  Plan plan{tape, std::span{&output, 1}};
  for (std::size_t i = 0; i < vars.size(); ++i) plan.bind(vars[i], inputs[i]);
  plan.run();
  Result result{test::values(plan.output(0)), {}};
  for (const auto& step : plan.steps()) result.steps.emplace_back(step.node.op->name());
  return result;
}

const Shape image{2, 3, 5, 7};

}  // namespace

BOOST_AUTO_TEST_SUITE(elementwise_formats_test)

BOOST_AUTO_TEST_CASE(functions_of_one_image_need_no_reorder) {
  const std::vector inputs{test::random_tensor(image, 1)};
  for (const auto& function : std::vector<std::function<Var(Vars)>>{
           [](Vars v) { return relu(v[0]); },
           [](Vars v) { return gelu(v[0]); },
           [](Vars v) { return sigmoid(v[0]); },
           [](Vars v) { return -v[0]; },
           [](Vars v) { return v[0] * 2.0; },
           [](Vars v) { return 2.0 - v[0]; },
       }) {
    const auto result = run(function, inputs, 1);
    BOOST_TEST(result.values == run(function, inputs, 0).values, boost::test_tools::per_element());
    // To channels last and back for the caller, but not in between.
    BOOST_TEST(std::ranges::count(result.steps, "reorder") == 2);
    BOOST_TEST(result.steps.front() == "reorder");
    BOOST_TEST(result.steps.back() == "reorder");
  }
}

BOOST_AUTO_TEST_CASE(so_do_their_gradients) {
  const std::vector inputs{test::random_tensor(image, 1), test::random_tensor(image, 2)};
  for (const auto& activation : std::vector<Var (*)(const Var&)>{
           [](const Var& x) { return relu(x); },
           [](const Var& x) { return gelu(x); },
           [](const Var& x) { return tanh(x); },
           [](const Var& x) { return square(x); },
       }) {
    const auto gradient = [&](Vars v) {
      const Var y = activation(v[0]);
      return gradients(std::span{&y, 1}, v.subspan(1, 1), v.first(1))[0];
    };
    const auto result = run(gradient, inputs, 2);
    BOOST_TEST(result.values == run(gradient, inputs, 0).values, boost::test_tools::per_element());
    BOOST_TEST(std::ranges::count(result.steps, "reorder") == 3);  // both there, one back
  }
}

BOOST_AUTO_TEST_CASE(functions_of_an_image_and_what_stretches_to_it) {
  const std::vector<std::function<Var(Vars)>> functions{
      [](Vars v) { return v[0] + v[1]; },         [](Vars v) { return v[1] + v[0]; },
      [](Vars v) { return v[0] - v[1]; },         [](Vars v) { return v[1] / v[0]; },
      [](Vars v) { return maximum(v[0], v[1]); },
  };
  for (const auto& shape :
       {image, Shape{1, 3, 1, 1}, Shape{3, 1, 1}, Shape{}, Shape{1}, Shape{7}, Shape{5, 7}, Shape{5, 1},
        Shape{2, 1, 1, 1}, Shape{2, 3, 1, 1}, Shape{2, 1, 5, 7}, Shape{1, 3, 5, 7}, Shape{3, 5, 7},
        Shape{3, 1, 7}, Shape{2, 1, 5, 1}, Shape{4, 1, 1, 1, 1}, Shape{6, 2, 3, 5, 7}}) {
    const std::vector inputs{test::random_tensor(image, 1), test::random_tensor(shape, 2)};
    for (std::size_t i = 0; i < functions.size(); ++i) {
      BOOST_TEST_CONTEXT(to_string(shape) << ", function " << i) {
        const auto expected = run(functions[i], inputs, 0);
        BOOST_TEST(run(functions[i], inputs, 1).values == expected.values, boost::test_tools::per_element());
        if (shape.rank() == 4)
          BOOST_TEST(run(functions[i], inputs, 2).values == expected.values,
                     boost::test_tools::per_element());
      }
    }
  }
}

// Channels last is kept where what stretches has but one way to lie.
BOOST_AUTO_TEST_CASE(a_bias_of_channels_does_not_cost_a_reorder) {
  for (const auto& shape : {Shape{3, 1, 1}, Shape{1, 3, 1, 1}, Shape{}, Shape{5, 7}}) {
    const std::vector inputs{test::random_tensor(image, 1), test::random_tensor(shape, 2)};
    const auto result = run([](Vars v) { return relu(v[0] + v[1]); }, inputs, 1);
    BOOST_TEST(
        result.steps == (std::vector<std::string>{"reorder", "channels_last", "add", "relu", "reorder"}),
        boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()
