#include "keel/models/statistics_guard.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;

struct Model {
  Linear first{6, 8, {.bias = false}};
  BatchNorm norm{8};
  Dropout dropout{0.5};
  Linear last{8, 3};

  Var operator()(const Var& src) { return last(dropout(relu(norm(first(src))))); }
  void visit(auto&& each) {
    each("first", first), each("norm", norm), each("dropout", dropout), each("last", last);
  }
};

using Bytes = std::map<std::string, std::vector<std::byte>>;

Bytes bytes_of(Model& model) {
  Bytes result;
  for (const auto& [path, parameter] : parameters(model)) {
    const auto& value = parameter->value();
    result[path] = {value.bytes(), value.bytes() + value.type().bytes()};
  }
  return result;
}

bool is_trained(Model& model, const std::string& path) {
  for (const auto& named : parameters(model))
    if (named.path == path) return named.parameter->kind() == Parameter::Kind::trained;
  return false;
}

struct Fixture {
  Fixture() { initialize(model, Rng{1}); }

  // A step of training, which moves everything.
  void train() { step(images, labels); }
  // What the model makes of a batch in training mode.
  std::vector<double> look() { return test::values(function(std::array{images}).output(0)); }

  Model model;
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep<Model, Sgd, decltype(&cross_entropy)> step{model, sgd, cross_entropy};
  CompiledFunction function{Mode::training,
                            [this](Tape&, std::span<const Var> v) { return std::vector{model(v[0])}; }};
  Tensor images = test::random_tensor({16, 6}, 3);
  Tensor labels = test::random_labels(16, 3);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(statistics_guard_test, Fixture)

BOOST_AUTO_TEST_CASE(statistics_and_streams_are_put_back_and_trained_parameters_left) {
  train();
  const auto before = bytes_of(model);
  Bytes within;
  {
    const StatisticsGuard guard{parameters(model)};
    train();
    train();
    within = bytes_of(model);
  }
  std::size_t put_back = 0;
  for (const auto& [path, bytes] : bytes_of(model)) {
    BOOST_TEST((within.at(path) != before.at(path)), path << " was not moved");
    if (is_trained(model, path)) {
      BOOST_TEST((bytes == within.at(path)), path);
    } else {
      BOOST_TEST((bytes == before.at(path)), path);
      ++put_back;
    }
  }
  BOOST_TEST(put_back == 4U);  // running mean and variance, their updates, the stream
}

BOOST_AUTO_TEST_CASE(a_look_under_guard_leaves_no_trace) {
  const auto before = bytes_of(model);
  for (int i = 0; i < 3; ++i) {
    const StatisticsGuard guard{parameters(model)};
    look();
  }
  BOOST_TEST((bytes_of(model) == before));
  look();
  BOOST_TEST((bytes_of(model) != before));
}

BOOST_AUTO_TEST_CASE(under_guard_dropout_draws_the_same_mask_again) {
  const auto guarded = [&] {
    const StatisticsGuard guard{parameters(model)};
    return look();
  };
  const auto first = guarded();
  BOOST_TEST(guarded() == first, boost::test_tools::per_element());
  BOOST_TEST(look() == first, boost::test_tools::per_element());
  BOOST_TEST((look() != first));
}

BOOST_AUTO_TEST_CASE(what_is_kept_stays) {
  const auto before = bytes_of(model);
  Bytes within;
  {
    StatisticsGuard guard{parameters(model)};
    look();
    within = bytes_of(model);
    guard.keep();
  }
  BOOST_TEST((bytes_of(model) == within));
  BOOST_TEST((within != before));
}

BOOST_AUTO_TEST_CASE(an_exception_puts_them_back_too) {
  const auto before = bytes_of(model);
  const auto thrower = [&] {
    const StatisticsGuard guard{parameters(model)};
    look();
    throw Error{"the disk is gone"};
  };
  BOOST_CHECK_THROW(thrower(), Error);
  BOOST_TEST((bytes_of(model) == before));
}

BOOST_AUTO_TEST_CASE(guards_nest) {
  const auto before = bytes_of(model);
  {
    const StatisticsGuard outer{parameters(model)};
    look();
    const auto between = bytes_of(model);
    {
      const StatisticsGuard inner{parameters(model)};
      look();
    }
    BOOST_TEST((bytes_of(model) == between));
  }
  BOOST_TEST((bytes_of(model) == before));
}

BOOST_AUTO_TEST_CASE(a_model_without_statistics_is_left_alone) {
  Mlp plain{{.inputs = 6, .hidden = {8}, .classes = 3}};
  initialize(plain, Rng{1});
  const float before = parameters(plain).front().parameter->value().data<float>()[0];
  {
    const StatisticsGuard guard{parameters(plain)};
    parameters(plain).front().parameter->value().data<float>()[0] = before + 1.0F;
  }
  BOOST_TEST(parameters(plain).front().parameter->value().data<float>()[0] == before + 1.0F);
}

BOOST_AUTO_TEST_SUITE_END()
