#include "keel/models/copy_values.hpp"

#include <boost/test/unit_test.hpp>
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
  Linear fc1{4, 8}, fc2{8, 3};
  BatchNorm bn{8};
  Dropout dropout{0.5};
  Var operator()(const Var& src) { return fc2(dropout(relu(bn(fc1(src))))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn", bn), each("dropout", dropout), each("fc2", fc2); }
};

template <class Model>
std::vector<std::vector<double>> values_of(Model& model) {
  std::vector<std::vector<double>> result;
  for (const auto& [path, parameter] : parameters(model))
    if (parameter->kind() != Parameter::Kind::state) result.push_back(values(parameter->value()));
  return result;
}

template <class Model>
double train(Model& model) {
  Sgd sgd{{.learning_rate = 0.1}};
  return TrainingStep{model, sgd, cross_entropy}(random_tensor({16, 4}, 1), random_labels(16, 3, 1));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(copy_values_test)

// Masks of dropout included.
BOOST_AUTO_TEST_CASE(a_copy_goes_on_as_its_model_does_and_is_a_model_of_its_own) {
  for (const bool initialized : {false, true}) {
    Net net;
    initialize(net, Rng{1});
    train(net);
    Net copy;
    if (initialized) initialize(copy, Rng{2});
    copy_values(net, copy);
    const auto before = values_of(net);
    BOOST_TEST((values_of(copy) == before));
    const double loss = train(copy);
    BOOST_TEST((values_of(net) == before));
    BOOST_TEST(train(net) == loss);
    BOOST_TEST((values_of(net) == values_of(copy)));
  }
}

BOOST_AUTO_TEST_CASE(an_inference_of_the_copy_follows) {
  Net net;
  Net target;
  initialize(net, Rng{1});
  initialize(target, Rng{2});
  Inference predict{net};
  Inference of_target{target};
  const Tensor src = random_tensor({5, 4}, 3);
  BOOST_TEST((values(of_target(src)) != values(predict(src))));
  copy_values(net, target);
  BOOST_TEST((values(of_target(src)) == values(predict(src))));
}

BOOST_AUTO_TEST_CASE(models_of_another_make_are_refused_and_keep_their_values) {
  Net net;
  Linear other{4, 8};
  BOOST_TEST(test::throws_with<NoValuesError>([&] { copy_values(net, net); }, {"'fc1.weights'"}));
  initialize(net, Rng{1});
  initialize(other, Rng{2});
  const auto before = values_of(other);
  BOOST_TEST(test::throws_with<Error>([&] { copy_values(net, other); }, {"copied from", "'bn.beta'"}));
  BOOST_TEST(test::throws_with<Error>([&] { copy_values(other, net); }, {"copied from", "'bias'"}));
  Linear wider{4, 9};
  initialize(wider, Rng{1});
  BOOST_TEST(test::throws_with<ShapeError>([&] { copy_values(wider, other); },
                                           {"'weights'", "f32 (9, 4)", "f32 (8, 4)"}));
  Linear wide{4, 8};
  initialize(wide, Rng{1}, DType::f64);
  BOOST_TEST(test::throws_with<ShapeError>([&] { copy_values(wide, other); }, {"f64 (8, 4)", "f32 (8, 4)"}));
  BOOST_TEST((values_of(other) == before));
}

BOOST_AUTO_TEST_SUITE_END()
