// What a step or an inference returns belongs to whoever called it: it is no parameter's and no input's memory.

#include <boost/test/unit_test.hpp>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::values;

// A scalar that is its own prediction.
struct Constant {
  Parameter value{Shape{}, Initializer::constant(3)};
  Var operator()(const Var& src) { return value.on(src.tape(), "value"); }
  void visit(auto&& each) { each("value", value); }
};

// Returns its input, and has a parameter that plays no part.
struct Identity {
  Parameter scale{Shape{2}, Initializer::constant(2)};
  Var operator()(const Var& src) { return src; }
  void visit(auto&& each) { each("scale", scale); }
};

// Returns a statistic, which no optimizer changes.
struct Statistic {
  Parameter mean{Shape{2}, Initializer::constant(5), Parameter::Kind::statistic};
  Var operator()(const Var& src) { return reshape(mean.on(src.tape(), "mean"), {2}); }
  void visit(auto&& each) { each("mean", mean); }
};

const auto itself = [](const Var& prediction) { return prediction; };

void write(const Tensor& tensor) {
  for (auto& element : tensor.data<float>()) element = 99;
}

template <class Optimizer>
void expect_the_loss_before_the_update(Optimizer optimizer, DType dtype) {
  Constant model;
  initialize(model, Rng{1}, dtype);
  TrainingStep step{model, optimizer, itself};
  const Tensor src{{2}, dtype};
  BOOST_TEST(step(src) == 3.0);
  BOOST_TEST(values(model.value.value())[0] == 2.5);
  BOOST_TEST(step(src) == 2.5);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(own_results_test)

BOOST_AUTO_TEST_CASE(a_loss_that_is_a_parameter_is_the_one_before_the_update) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    expect_the_loss_before_the_update(Sgd{{.learning_rate = 0.5}}, dtype);
    expect_the_loss_before_the_update(Sgd{{.learning_rate = 0.5, .clip_norm = 10.0}}, dtype);
  }
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_an_input_is_that_input) {
  Identity model;
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.5}};
  TrainingStep step{model, sgd, [](const Var&, const Var& target) { return target; }};
  BOOST_TEST(step(Tensor{{2}}, Tensor::of<float>({}, {7})) == 7.0);
}

BOOST_AUTO_TEST_CASE(an_inference_hands_out_no_parameter) {
  Constant constant;
  initialize(constant, Rng{1});
  Inference inference{constant};
  write(inference(Tensor{{2}}));
  BOOST_TEST(values(constant.value.value())[0] == 3.0);
  BOOST_TEST(values(inference(Tensor{{2}}))[0] == 3.0);

  Statistic statistic;
  initialize(statistic, Rng{1});
  Inference of_view{statistic};
  write(of_view(Tensor{{2}}));
  BOOST_TEST(values(statistic.mean.value())[0] == 5.0);
}

BOOST_AUTO_TEST_CASE(an_inference_does_not_return_the_caller_s_memory) {
  Identity model;
  initialize(model, Rng{1});
  Inference inference{model};
  const Tensor src = Tensor::of<float>({2}, {1, 2});
  const Tensor labels = Tensor::of<std::int32_t>({3}, {1, 2, 3});
  BOOST_TEST(values(inference(src)) == (std::vector{1.0, 2.0}), boost::test_tools::per_element());
  write(inference(src));
  BOOST_TEST(values(src) == (std::vector{1.0, 2.0}), boost::test_tools::per_element());
  BOOST_TEST(inference(labels).data<std::int32_t>()[2] == 3);
  auto flat = [](const Var& images) { return reshape(images, {2, 1}); };
  Inference of_function{flat};
  write(of_function(src));
  BOOST_TEST(values(src) == (std::vector{1.0, 2.0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_folded_model_hands_out_neither_its_values_nor_the_caller_s) {
  Identity identity;
  initialize(identity, Rng{1});
  const Tensor src = Tensor::of<float>({2}, {1, 2});
  auto folded = fold_batch_norm(identity, src.type());
  write(folded(src));
  BOOST_TEST(values(src) == (std::vector{1.0, 2.0}), boost::test_tools::per_element());

  Constant constant;
  initialize(constant, Rng{1});
  auto of_constant = fold_batch_norm(constant, src.type());
  write(of_constant(src));
  BOOST_TEST(values(of_constant(src))[0] == 3.0);
}

// A copy is made only where there is something to be kept apart.
BOOST_AUTO_TEST_CASE(a_computed_result_is_not_copied) {
  Linear model{2, 2};
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.5}};
  TrainingStep step{model, sgd, mse};
  for (const auto& line : step.plan(Tensor{{3, 2}}, Tensor{{3, 2}}).steps())
    BOOST_TEST(line.node.op->name() != "reshape");
}

BOOST_AUTO_TEST_SUITE_END()
