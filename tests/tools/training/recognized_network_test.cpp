// Networks of which only arrays and operators are known.

#include "keel/tools/training/recognized_network.hpp"

#include <boost/test/unit_test.hpp>

#include "../../support/random_tensor.hpp"
#include "keel/models/initialize.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/group_norm.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

struct Foreign {
  explicit Foreign(const NetworkDescription& of) : description(of), network(options_of(of)) {
    initialize(network, Rng{4});
    Rng random{5};
    for (const auto& [path, parameter] : parameters(network)) {
      if (path.find("bn") == std::string::npos && path.find("norm") == std::string::npos) continue;
      Tensor values = parameter->value();
      for (auto& value : values.data<float>()) value = static_cast<float>(random.uniform(0.5, 1.5));
    }
  }

  [[nodiscard]] UnknownNetwork unknown() {
    return {.height = description.height,
            .width = description.width,
            .classes = description.classes,
            .model = [this](const Var& images) { return network(images); }};
  }

  NetworkDescription description;
  Network network;
};

BOOST_AUTO_TEST_SUITE(recognized_network)

BOOST_AUTO_TEST_CASE(networks_of_keel_train_are_known_by_what_they_compute) {
  for (const auto norm : {Norm::none, Norm::batch, Norm::layer, Norm::group}) {
    for (const auto activation :
         {Activation::relu, Activation::tanh, Activation::sigmoid, Activation::gelu}) {
      for (const bool images : {false, true}) {
        for (const bool bias : {false, true}) {
          NetworkDescription description{.height = 8,
                                         .width = 8,
                                         .hidden = {6, 6},
                                         .classes = 3,
                                         .norm = norm,
                                         .activation = activation,
                                         .bias_before_norm = bias && norm == Norm::batch};
          if (images) description.channels = {2, 4};
          Foreign foreign{description};
          const auto known = recognize(foreign.unknown());
          BOOST_TEST(text_of(known.label.network) == text_of(description));
          const auto expected = parameters(foreign.network);
          const auto actual = parameters(*known.network);
          BOOST_REQUIRE(expected.size() == actual.size());
          for (std::size_t i = 0; i < expected.size(); ++i) {
            if (expected[i].path.ends_with("updates")) continue;
            const auto a = expected[i].parameter->value().data<float>();
            const auto b = actual[i].parameter->value().data<float>();
            BOOST_TEST((std::ranges::equal(a, b)), expected[i].path);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(weights_may_be_stored_the_other_way) {
  for (const std::int64_t classes : {3, 64}) {
    Parameter first{Shape{64, 64}, Initializer::constant(0)};
    Parameter second{Shape{64, classes}, Initializer::constant(0)};
    for (auto* weights : {&first, &second}) weights->set_value(random_tensor(weights->shape(), 1));
    const auto model = [&](const Var& images) {
      Tape& tape = images.tape();
      return matmul(relu(matmul(images, first.on(tape, "first"))), second.on(tape, "second"));
    };
    const auto known = recognize({.height = 8, .width = 8, .classes = classes, .model = model});
    BOOST_TEST(known.label.network.hidden == (std::vector<std::int64_t>{64}),
               boost::test_tools::per_element());
  }
}

// Each for what is not keel train's about it.
BOOST_AUTO_TEST_CASE(what_computes_something_else_is_not_known) {
  Foreign foreign{{.height = 8, .width = 8, .hidden = {6}, .classes = 3}};
  const auto refused = [&](const Evaluator::Model& model, const std::string& because) {
    auto other = foreign.unknown();
    other.model = model;
    BOOST_CHECK_EXCEPTION((void)recognize(other), Error, [&](const Error& error) {
      BOOST_TEST_MESSAGE(error.what());
      return std::string{error.what()}.find(because) != std::string::npos;
    });
  };
  const auto changed = [&](auto function) {
    return [&foreign, function](const Var& images) { return function(foreign.network(images)); };
  };
  refused(changed([](const Var& logits) { return logits * 1.01F; }), "mul");
  refused(changed([](const Var& logits) { return clamp(logits, 0.0, 6.0); }), "clamp (");
  refused(changed([](const Var& logits) { return leaky_relu(logits); }), "leaky_relu");
  refused([](const Var& images) { return slice(images, 1, 0, 3); }, "slice");
  NetworkDescription with_norm{.height = 8, .width = 8, .hidden = {6}, .classes = 3, .norm = Norm::batch};
  Foreign normalized{with_norm};
  refused([&](const Var& images) { return normalized.network(images) + 1.0F; }, "add");
}

std::string refusal_of(const UnknownNetwork& unknown) {
  try {
    (void)recognize(unknown);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Random images don't show these differences.
BOOST_AUTO_TEST_CASE(operators_of_other_settings_are_named) {
  Parameter first{Shape{6, 64}, Initializer::constant(0)};
  Parameter second{Shape{3, 6}, Initializer::constant(0)};
  std::vector<Parameter> scale;
  for (int i = 0; i < 4; ++i) scale.emplace_back(Shape{6}, Initializer::constant(0));
  for (auto* weights : {&first, &second}) weights->set_value(random_tensor(weights->shape(), 1));
  for (auto& values : scale) values.set_value(Tensor::of<float>({6}, {1, 1, 1, 1, 1, 1}));
  const auto refusal = [&](const auto& between) {
    return refusal_of({.height = 8, .width = 8, .classes = 3, .model = [&](const Var& images) {
                         Tape& tape = images.tape();
                         const Var hidden = linear(images, first.on(tape, "first"));
                         return linear(between(hidden), second.on(tape, "second"));
                       }});
  };
  BOOST_TEST(refusal([](const Var& x) { return relu(x); }) == "");
  BOOST_TEST(refusal([](const Var& x) {
               return clamp(x, 0.0, 1000.0);
             }).find("clamp (lower 0, upper 1000)") != std::string::npos);
  BOOST_TEST(refusal([](const Var& x) { return leaky_relu(x, 1e-7); }).find("leaky_relu (slope 1e-07)") !=
             std::string::npos);
  for (const double epsilon : {1e-4, 1e-5}) {
    const auto normalized = [&](const Var& x) {
      const auto on = [&](std::size_t i) { return scale[i].on(x.tape(), "scale"); };
      return relu(batch_norm_inference(x, on(0), on(1), on(2), on(3), epsilon));
    };
    BOOST_TEST((refusal(normalized) == "") == (epsilon == 1e-5), refusal(normalized));
    const auto in_groups = [&](const Var& x) {
      return relu(
          group_norm(x, epsilon == 1e-5 ? 2 : 3, scale[0].on(x.tape(), "a"), scale[1].on(x.tape(), "b")));
    };
    BOOST_TEST((refusal(in_groups) == "") == (epsilon == 1e-5), refusal(in_groups));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
