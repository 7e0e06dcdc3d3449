// Networks of which only arrays and operators are known.

#include "keel/tools/training/recognized_network.hpp"

#include <boost/test/unit_test.hpp>

#include "../../support/random_tensor.hpp"
#include "keel/models/initialize.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
