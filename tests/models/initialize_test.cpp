#include "keel/models/initialize.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/models/mlp.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;

template <class Model>
std::map<std::string, Tensor> tensors(Model& model) {
  std::map<std::string, Tensor> result;
  for (const auto& [path, parameter] : parameters(model)) result[path] = parameter->value();
  return result;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.bytes(), b.bytes(), a.type().bytes()) == 0;
}

// Parameters with element types of their own.
struct Mixed {
  Parameter scale{Shape{3}, Initializer::constant(2.0)};
  Parameter words{Shape{4}, Initializer::random_stream(), Parameter::Kind::state, DType::s32};
  Parameter limit{Shape{2}, Initializer::constant(-7.0), Parameter::Kind::state, DType::s32};
  void visit(auto&& each) {
    each("scale", scale);
    each("words", words);
    each("limit", limit);
  }
};

struct One {
  Parameter parameter;
  void visit(auto&& each) { each("one", parameter); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(initialize_test)

// Uniform in +-1/sqrt(fan_in) has variance bound^2 / 3. Sample moments lie within five standard deviations:
// the mean's is bound / sqrt(3 n), the second moment's bound^2 * sqrt((1/5 - 1/9) / n).
BOOST_AUTO_TEST_CASE(weights_have_the_range_and_moments_of_pytorch_s_rule) {
  Mlp model;
  initialize(model, Rng{1});
  for (const auto& [path, tensor] : tensors(model)) {
    const double bound = 1.0 / std::sqrt(path.starts_with("fc1") ? 784.0 : 128.0);
    const auto values = test::values(tensor);
    const auto count = static_cast<double>(values.size());
    double mean = 0.0;
    double square = 0.0;
    for (const double value : values) {
      BOOST_TEST(std::abs(value) <= bound * (1 + test::unit_roundoff));
      mean += value / count;
      square += value * value / count;
    }
    BOOST_TEST(std::abs(mean) < 5 * bound / std::sqrt(3 * count), path);
    BOOST_TEST(std::abs(square - bound * bound / 3) < 5 * bound * bound * std::sqrt(4.0 / 45 / count), path);
    if (values.size() < 1000) continue;
    BOOST_TEST(std::ranges::max(values) > 0.99 * bound, path);
    BOOST_TEST(std::ranges::min(values) < -0.99 * bound, path);
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_starts_as_the_identity_with_statistics_of_zero_and_one) {
  BatchNorm norm{5};
  initialize(norm, Rng{1});
  for (const auto& [path, tensor] : tensors(norm)) {
    const double expected = path == "gamma" || path == "running_variance" ? 1.0 : 0.0;
    for (const double value : test::values(tensor)) BOOST_TEST(value == expected, path);
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bits_and_another_seed_others) {
  Mlp one;
  Mlp same;
  Mlp other;
  initialize(one, Rng{7});
  initialize(same, Rng{7});
  initialize(other, Rng{8});
  for (const auto& [path, tensor] : tensors(one)) {
    BOOST_TEST(same_bits(tensor, tensors(same).at(path)), path);
    BOOST_TEST(!same_bits(tensor, tensors(other).at(path)), path);
  }
}

BOOST_AUTO_TEST_CASE(layers_that_two_variants_share_start_alike) {
  Mlp plain;
  Mlp normalized{{.batch_norm = true}};
  initialize(plain, Rng{7});
  initialize(normalized, Rng{7});
  for (const auto* path : {"fc1.weights", "fc2.weights", "fc2.bias"})
    BOOST_TEST(same_bits(tensors(plain).at(path), tensors(normalized).at(path)), path);
  BOOST_TEST(!same_bits(tensors(plain).at("fc1.bias"), Tensor{Shape{128}}));
}

BOOST_AUTO_TEST_CASE(f64_values_are_those_of_f32_before_rounding) {
  Mlp single;
  Mlp wide;
  initialize(single, Rng{7});
  initialize(wide, Rng{7}, DType::f64);
  for (const auto& [path, tensor] : tensors(wide)) {
    BOOST_TEST(name_of(tensor.dtype()) == "f64");
    BOOST_TEST(same_bits(test::converted(tensor, DType::f32), tensors(single).at(path)), path);
  }
}

BOOST_AUTO_TEST_CASE(trained_parameters_lie_side_by_side_and_so_does_the_state) {
  Mlp model{{.hidden = {128, 20}, .batch_norm = true}};
  initialize(model, Rng{1});
  std::map<Parameter::Kind, const std::byte*> next;
  for (const auto& [path, parameter] : parameters(model)) {
    auto& expected = next[parameter->kind()];
    const auto* start = parameter->value().bytes();
    if (expected != nullptr) BOOST_TEST(start == expected, path);
    expected = start + aligned(parameter->value().type().bytes());
  }
}

BOOST_AUTO_TEST_CASE(initializing_again_keeps_the_memory_and_restores_the_values) {
  Mlp model{{.batch_norm = true}};
  initialize(model, Rng{7});
  const auto before = tensors(model);
  std::map<std::string, Tensor> copies;
  for (const auto& [path, tensor] : before) {
    copies[path] = tensor.clone();
    std::ranges::fill(tensor.data<float>(), 42.0F);
  }
  initialize(model, Rng{7});
  for (const auto& [path, tensor] : tensors(model)) {
    BOOST_TEST(tensor.bytes() == before.at(path).bytes(), path);
    BOOST_TEST(same_bits(tensor, copies.at(path)), path);
  }
}

BOOST_AUTO_TEST_CASE(a_parameter_may_have_an_element_type_of_its_own) {
  std::vector<std::int32_t> keys;
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const std::uint64_t seed : {1U, 2U}) {
      Mixed model;
      initialize(model, Rng{seed}, dtype);
      initialize(model, Rng{seed}, dtype);
      BOOST_TEST(name_of(model.scale.value().dtype()) == name_of(dtype));
      const auto words = model.words.value().data<std::int32_t>();
      BOOST_TEST((words[0] != words[1] && words[0] != 0 && words[1] != 0));
      BOOST_TEST((words[2] == 0 && words[3] == 0));
      BOOST_TEST(model.limit.value().data<std::int32_t>()[1] == -7);
      keys.push_back(words[0]);
    }
  }
  BOOST_TEST((keys[0] == keys[2] && keys[1] == keys[3] && keys[0] != keys[1]));
}

BOOST_AUTO_TEST_CASE(starting_values_that_an_element_type_can_not_have_are_refused) {
  One words{{Shape{3}, Initializer::uniform(0, 1), Parameter::Kind::state, DType::s32}};
  One floats{{Shape{3}, Initializer::random_stream()}};
  for (auto* model : {&words, &floats})
    BOOST_TEST(test::throws_with<Error>([&] { initialize(*model, Rng{1}); }, {"no starting values"}));
}

BOOST_AUTO_TEST_CASE(another_element_type_needs_another_model) {
  Linear layer{3, 5};
  initialize(layer, Rng{1});
  BOOST_TEST(test::throws_with<Error>([&] { initialize(layer, Rng{1}, DType::f64); },
                                      {"'weights' is f32 and can't become f64"}));
}

BOOST_AUTO_TEST_CASE(a_model_of_whole_numbers_is_refused_in_words) {
  Linear layer{4, 3};
  BOOST_TEST(
      test::throws_with<Error>([&] { initialize(layer, Rng{1}, DType::s32); }, {"f32 or f64, not as s32"}));
}

BOOST_AUTO_TEST_SUITE_END()
