// Networks of which only arrays and operators are known.

#include "keel/tools/training/recognized_network.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "keel/models/initialize.hpp"
#include "keel/ops/arithmetic.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

struct Foreign {
  explicit Foreign(const NetworkDescription& of) : description(of), network(options_of(of)) {
    initialize(network, Rng{4});
    Rng random{5};
    for (const auto& [path, parameter] : parameters(network)) {
      if (path.find("bn") == std::string::npos) continue;
      Tensor values = parameter->value();
      for (auto& value : values.data<float>()) value = static_cast<float>(random.uniform(0.5, 1.5));
    }
  }

  // Under names that say nothing, without the counts of updates.
  [[nodiscard]] UnknownNetwork unknown() {
    UnknownNetwork result{.height = description.height,
                          .width = description.width,
                          .classes = description.classes,
                          .parameters = {},
                          .operators = {"Gemm"},
                          .model = [this](const Var& images) { return network(images); }};
    if (description.norm == Norm::batch) result.operators.emplace_back("BatchNormalization");
    if (description.activation == Activation::tanh) result.operators.emplace_back("Tanh");
    if (description.activation == Activation::sigmoid) result.operators.emplace_back("Sigmoid");
    if (description.activation == Activation::gelu) result.operators.emplace_back("Erf");
    for (const auto& [path, parameter] : parameters(network))
      if (!path.ends_with("updates"))
        result.parameters.push_back({fmt::format("x{}", result.parameters.size()), parameter});
    return result;
  }

  NetworkDescription description;
  Network network;
};

BOOST_AUTO_TEST_SUITE(recognized_network)

BOOST_AUTO_TEST_CASE(networks_of_keel_train_are_known_by_what_they_compute) {
  for (const auto norm : {Norm::none, Norm::batch}) {
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
          if (images) description.channels = {2, 3};
          Foreign foreign{description};
          const auto known = recognize(foreign.unknown());
          BOOST_REQUIRE_MESSAGE(known, text_of(description));
          BOOST_TEST(text_of(known->label.network) == text_of(description));
          const auto expected = parameters(foreign.network);
          const auto actual = parameters(*known->network);
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
    Foreign foreign{{.height = 8, .width = 8, .hidden = {64, 64}, .classes = classes}};
    auto unknown = foreign.unknown();
    std::vector<std::unique_ptr<Parameter>> turned;
    for (auto& [path, parameter] : unknown.parameters) {
      if (parameter->shape().rank() != 2) continue;
      const auto& values = parameter->value();
      Tensor other{Shape{values.shape()[1], values.shape()[0]}};
      for (std::int64_t i = 0; i < values.shape()[0]; ++i)
        for (std::int64_t k = 0; k < values.shape()[1]; ++k) other.at<float>(k, i) = values.at<float>(i, k);
      turned.push_back(std::make_unique<Parameter>(other.shape(), Initializer::constant(0)));
      turned.back()->set_value(other);
      parameter = turned.back().get();
    }
    BOOST_TEST(recognize(unknown).has_value());
  }
}

BOOST_AUTO_TEST_CASE(what_computes_something_else_is_not_known) {
  Foreign foreign{{.height = 8, .width = 8, .hidden = {6}, .classes = 3}};
  auto other = foreign.unknown();
  other.model = [&](const Var& images) { return foreign.network(images) * 1.01F; };
  BOOST_TEST(!recognize(other));
  auto without_layers = foreign.unknown();
  without_layers.parameters.clear();
  BOOST_TEST(!recognize(without_layers));
  auto in_disorder = foreign.unknown();
  std::ranges::reverse(in_disorder.parameters);
  BOOST_TEST(!recognize(in_disorder));
  auto one_missing = foreign.unknown();
  one_missing.parameters.erase(one_missing.parameters.begin());
  BOOST_TEST(!recognize(one_missing));
  auto other_size = foreign.unknown();
  other_size.parameters.pop_back();
  other_size.classes = 4;
  BOOST_TEST(!recognize(other_size));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
