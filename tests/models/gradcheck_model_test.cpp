#include "keel/models/gradcheck_model.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::throws_with;
using test::values;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// What dst = src is, with a derivative that is `factor` times too large.
class Identity final : public Operator {
 public:
  explicit Identity(double factor) : factor_(factor) {}
  [[nodiscard]] std::string_view name() const override { return "identity"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return {[&src = binding.input_slot(0), &dst = binding.output_slot(0),
             bytes = binding.output_type(0).bytes()] {
              std::copy_n(static_cast<const std::byte*>(src.data()), bytes,
                          static_cast<std::byte*>(dst.data()));
            },
            "copy"};
  }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {context.output_grads[0] * factor_};
  }

 private:
  double factor_;
};

struct Network {
  Linear fc1{6, 5}, fc2{5, 3};
  BatchNorm bn1{5};
  Dropout dropout{0.25};
  Parameter unused{{2}, Initializer::constant(1.0)};
  double factor = 1.0;

  Var operator()(const Var& src) {
    const Var hidden = dropout(relu(bn1(fc1(src))));
    return fc2(record(std::make_shared<Identity>(factor), {hidden}, SourceLocation::current()));
  }
  void visit(auto&& each) {
    each("fc1", fc1), each("bn1", bn1), each("dropout", dropout), each("fc2", fc2), each("unused", unused);
  }
};

// Of a model whose visit leaves a layer out: a member, or one in a container.
struct Forgetful {
  Linear kept{6, 6};
  Linear forgotten{6, 3, {.bias = false}};
  void visit(auto&& each) { each("kept", kept); }
  Var operator()(const Var& src) { return forgotten(kept(src)); }
};

struct ForgetfulOfMany {
  std::vector<Linear> layers;
  Linear kept{6, 3};
  ForgetfulOfMany() { layers.emplace_back(6, 6, LinearOptions{.bias = false}); }
  Var operator()(const Var& src) { return kept(layers[0](src)); }
  void visit(auto&& each) { each("kept", kept); }
};

struct Nested {
  Forgetful block;
  Var operator()(const Var& src) { return block(src); }
  void visit(auto&& each) { each("block", block); }
};

struct Fixture {
  Network model;
  Tensor images = random_tensor({8, 6}, 1);
  Tensor labels = random_labels(8, 3, 2);
};

// Every value that the model has, and where it lies.
struct State {
  explicit State(Network& model) {
    for (const auto& [path, parameter] : parameters(model)) {
      places.push_back(parameter->value().bytes());
      const auto* first = parameter->value().bytes();
      contents.emplace_back(first, first + parameter->value().type().bytes());
    }
  }
  std::vector<const std::byte*> places;
  std::vector<std::vector<std::byte>> contents;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(gradcheck_model_test, Fixture)

BOOST_AUTO_TEST_CASE(every_trained_parameter_is_checked_by_its_path) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Network network;
    initialize(network, Rng{1}, dtype);
    const auto report = gradcheck(network, cross_entropy, {images}, {labels});
    BOOST_TEST(report.ok, report.text);
    for (const std::string line :
         {"fc1.weights (5, 6): agrees", "bn1.gamma (5): agrees", "bn1.beta (5): agrees",
          "fc2.weights (3, 5): agrees", "fc2.bias (3): agrees", "unused (2): nothing depends on it"}) {
      BOOST_TEST(contains(report.text, line), report.text);
    }
    BOOST_TEST(!contains(report.text, "running"), report.text);
    BOOST_TEST(report.inputs.size() == 7U);
    BOOST_TEST(report.f32.operators > 10U, report.text);
    BOOST_TEST(report.f32.unchecked.empty(), report.text);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_derivative_is_found_in_the_parameters_before_it) {
  initialize(model, Rng{1});
  model.factor = 1.5;
  const auto report = gradcheck(model, cross_entropy, images, labels);
  BOOST_TEST(!report.ok, report.text);
  BOOST_TEST(contains(report.text, "fc1.weights (5, 6): WRONG"), report.text);
  BOOST_TEST(contains(report.text, "fc2.weights (3, 5): agrees"), report.text);
  BOOST_TEST(contains(report.text, "at fault: identity at gradcheck_model_test.cpp:"), report.text);
}

BOOST_AUTO_TEST_CASE(the_model_stays_as_it_was) {
  initialize(model, Rng{1});
  const State before{model};
  (void)gradcheck(model, cross_entropy, {images}, {labels});
  model.factor = 2.0;
  (void)gradcheck(model, cross_entropy, {images}, {labels});
  BOOST_CHECK_THROW((void)gradcheck(model, cross_entropy, {images}, {random_labels(5, 3, 2)}), Error);
  const State after{model};
  BOOST_TEST((before.places == after.places));
  BOOST_TEST((before.contents == after.contents));
}

BOOST_AUTO_TEST_CASE(a_loss_of_one_s_own_and_inference_are_checked_as_well) {
  initialize(model, Rng{1});
  const auto loss = [](const Var& logits) { return mean(logits * logits); };
  const auto report = gradcheck(model, loss, {images}, {}, {.mode = Mode::inference});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(errors_name_the_caller_s_line) {
  initialize(model, Rng{1});
  std::string text;
  const int line = __LINE__ + 2;
  try {
    (void)gradcheck(model, cross_entropy, {images}, {random_labels(5, 3, 2)});
  } catch (const Error& error) {
    text = error.what();
  }
  BOOST_TEST(contains(text, "gradcheck_model_test.cpp:" + std::to_string(line)), text);
}

BOOST_AUTO_TEST_CASE(a_member_that_visit_forgot_is_named_as_a_step_names_it) {
  Nested nested;
  initialize(nested, Rng{1});
  const auto check = [&] { (void)gradcheck(nested, cross_entropy, images, labels); };
  BOOST_TEST(throws_with<NoValuesError>(
      check, {"parameter 'weights' of shape (3, 6), applied at gradcheck_model_test.cpp:",
              "the visit of 'block' leaves it out (its member behind 'kept')", "name it there"}));
  for (const auto dtype : {DType::f32, DType::f64}) {
    nested.block.forgotten = Linear{6, 3, {.bias = false}};
    initialize(nested.block.forgotten, Rng{2}, dtype);
    BOOST_TEST(throws_with<Error>(check, {"'weights' of shape (3, 6)",
                                          "the visit of 'block' leaves it out (its member behind 'kept')"}));
  }
}

BOOST_AUTO_TEST_CASE(a_forgotten_layer_that_lies_elsewhere_is_named_with_the_operator_and_its_line) {
  ForgetfulOfMany many;
  initialize(many, Rng{1});
  const auto check = [&] { (void)gradcheck(many, cross_entropy, images, labels); };
  BOOST_TEST(throws_with<NoValuesError>(
      check, {"parameter 'weights' of shape (6, 6), applied at gradcheck_model_test.cpp:", "leaves it out"}));
  initialize(many.layers[0], Rng{2});
  BOOST_TEST(throws_with<Error>(check, {"linear(", "at gradcheck_model_test.cpp:", "parameter 'weights'",
                                        "stayed f32 (6, 6) where they became f64", "name it there"}));
  freeze(many.layers[0]);
  BOOST_TEST(throws_with<Error>(check, {"parameter 'weights'", "stayed f32 (6, 6) where they became f64"}));
}

BOOST_AUTO_TEST_CASE(a_model_of_which_a_part_was_not_initialized_keeps_its_values) {
  initialize(model.fc1, Rng{1});
  const auto weights = parameters(model.fc1)[0].parameter->value();
  BOOST_TEST(throws_with<NoValuesError>([&] { (void)gradcheck(model, cross_entropy, images, labels); },
                                        {"parameter 'bn1.gamma' has no values yet", "initialize"}));
  BOOST_TEST(parameters(model.fc1)[0].parameter->value().bytes() == weights.bytes());
}

// A teacher's values are its own: they are not converted.
BOOST_AUTO_TEST_CASE(another_model_in_the_loss_is_left_alone) {
  initialize(model, Rng{1});
  Linear teacher{6, 3};
  initialize(teacher, Rng{2}, DType::f64);
  const auto loss = [&](const Var& logits, const Var& src) { return mse(logits, teacher(src)); };
  const auto report = gradcheck(model, loss, images, images);
  BOOST_TEST(report.ok, report.text);
  BOOST_TEST(contains(report.text, "f32 not checked: linear("), report.text);
  Linear narrow{6, 3};
  initialize(narrow, Rng{2});
  const auto other = [&](const Var& logits, const Var& src) { return mse(logits, narrow(src)); };
  BOOST_TEST(throws_with<Error>([&] { (void)gradcheck(model, other, images, images); },
                                {"linear(", "another model", "initialize that as f64"}));
}

BOOST_AUTO_TEST_SUITE_END()
