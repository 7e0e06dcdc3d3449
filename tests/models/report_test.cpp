// What steps and inference hand out by name, beside their results.

#include "keel/models/report.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::values;

struct Net {
  Linear fc1{4, 8, {.bias = false}}, fc2{8, 3};
  BatchNorm bn{8};
  bool reports = true;
  Var operator()(const Var& src) {
    const Var hidden = relu(bn(fc1(src)));
    if (reports) report("hidden", hidden);
    return fc2(hidden);
  }
  void visit(auto&& each) { each("fc1", fc1), each("bn", bn), each("fc2", fc2); }
};

std::vector<std::string> kernels_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const auto& step : plan.steps()) {
    names.emplace_back(step.node.op->name());
    names.back() += " " + step.implementation;
  }
  return names;
}

const Tensor& images() {
  static const Tensor tensor = random_tensor({6, 4}, 1);
  return tensor;
}
const Tensor& labels() {
  static const Tensor tensor = random_labels(6, 3, 1);
  return tensor;
}

template <class Model>
std::vector<std::vector<double>> values_of(Model& model) {
  std::vector<std::vector<double>> result;
  for (const auto& [path, parameter] : parameters(model)) result.push_back(values(parameter->value()));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(report_test)

BOOST_AUTO_TEST_CASE(a_step_hands_out_activations_and_predictions_and_trains_as_before) {
  Net net;
  Net plain;
  plain.reports = false;
  initialize(net, Rng{1});
  initialize(plain, Rng{1});
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  Sgd plain_sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{net, sgd, [](const Var& logits, const Var& target) {
                      report("classes", argmax(logits));
                      report("logits", logits);
                      return cross_entropy(logits, target);
                    }};
  TrainingStep plain_step{plain, plain_sgd, cross_entropy};
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(step(images(), labels()) == plain_step(images(), labels()));
    BOOST_TEST((values_of(net) == values_of(plain)));
    BOOST_TEST((step.reported("hidden").shape() == (Shape{6, 8})));
    const auto logits = values(step.reported("logits"));
    const auto classes = step.reported("classes").data<std::int32_t>();
    for (std::size_t n = 0; n < 6; ++n) {
      const auto row = std::span{logits}.subspan(3 * n, 3);
      BOOST_TEST(classes[n] == std::ranges::max_element(row) - row.begin());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_step_that_reports_nothing_has_the_kernels_of_the_written_out_program) {
  Net net;
  net.reports = false;
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{net, sgd, cross_entropy};

  Tape tape;
  const Var x = tape.input({6, 4});
  const Var y = tape.input({6}, DType::s32);
  std::vector<Var> trained;
  for (const auto& [path, parameter] : parameters(net))
    if (parameter->kind() == Parameter::Kind::trained) trained.push_back(tape.stored(parameter->value()));
  const Var loss = cross_entropy(net(x), y);
  Sgd other{{.learning_rate = 0.1, .momentum = 0.9}};
  other.update(trained, gradients(loss, trained));
  const Plan plan{tape, std::array{loss}, {.rules = fusion_rules()}};
  BOOST_TEST(kernels_of(step.plan(images(), labels())) == kernels_of(plan), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_gradients_norm_is_that_before_clipping) {
  for (const double clip_norm : {0.01, 1e9}) {
    Linear net{4, 3};
    initialize(net, Rng{1});
    auto gradient = value_and_grad(net, cross_entropy);
    double squares = 0.0;
    for (const auto& [path, grad] : gradient(images(), labels()).grads)
      for (const double e : values(grad)) squares += e * e;
    Sgd sgd{{.learning_rate = 0.1, .clip_norm = clip_norm}};
    TrainingStep step{net, sgd, cross_entropy, {.gradient_norm = true}};
    step(images(), labels());
    BOOST_TEST(std::abs(step.reported("gradient_norm").data<double>()[0] - std::sqrt(squares)) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(a_parameter_is_reported_as_it_was_before_the_update) {
  Linear net{4, 3};
  initialize(net, Rng{1});
  const auto& bias = *parameters(net)[1].parameter;
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{net, sgd, [&](const Var& logits, const Var& target) {
                      report("bias", bias.on(logits.tape(), "bias"));
                      return cross_entropy(logits, target);
                    }};
  const auto before = values(bias.value());
  step(images(), labels());
  BOOST_TEST((values(step.reported("bias")) == before));
  BOOST_TEST((values(bias.value()) != before));
}

BOOST_AUTO_TEST_CASE(inference_and_gradients_report_too_each_shape_its_own) {
  Net net;
  initialize(net, Rng{1});
  Inference predict{net};
  predict(images());
  const auto hidden = values(predict.reported("hidden"));
  predict(random_tensor({2, 4}, 2));
  BOOST_TEST((predict.reported("hidden").shape() == (Shape{2, 8})));
  predict(images());
  BOOST_TEST((values(predict.reported("hidden")) == hidden));
  auto gradient = value_and_grad([&](Var x) { return sum(net(x)); });
  gradient(images());
  BOOST_TEST((values(gradient.reported("hidden")) == hidden));
  auto by_parameters = value_and_grad(net, cross_entropy);
  BOOST_TEST(by_parameters(images(), labels()).grads.size() == 5U);
  BOOST_TEST((by_parameters.reported("hidden").shape() == (Shape{6, 8})));
}

BOOST_AUTO_TEST_CASE(names_that_are_not_there_or_there_twice_are_errors) {
  Net net;
  initialize(net, Rng{1});
  Inference predict{net};
  BOOST_TEST(test::throws_with<Error>([&] { (void)predict.reported("hidden"); }, {"before its first call"}));
  predict(images());
  BOOST_TEST(test::throws_with<Error>([&] { (void)predict.reported("hiden"); },
                                      {"nothing was reported as 'hiden'", "there is 'hidden'"}));
  auto twice = value_and_grad([&](Var x) { return sum(net(x)) + sum(net(x)); });
  BOOST_TEST(test::throws_with<Error>([&] { twice(images()); }, {"report_test.cpp:", "as 'hidden' already"}));
  auto none = value_and_grad([&](Var x) { return sum(x); });
  none(images());
  BOOST_TEST(test::throws_with<Error>([&] { (void)none.reported("x"); }, {"nothing at all"}));
}

BOOST_AUTO_TEST_SUITE_END()
