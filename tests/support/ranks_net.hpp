#pragma once

// What the tests of ranks that train one model train, and on what.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "keel/keel.hpp"
#include "ops_support.hpp"

namespace keel::test {

struct RanksNet {
  explicit RanksNet(bool norm, double rate = 0.0)
      : with_norm(norm), norm1{300, {.synchronized = true}}, dropout{rate} {}
  bool with_norm;
  Linear fc1{300, 300};
  BatchNorm norm1;
  Dropout dropout;
  Linear fc2{300, 3};
  Var operator()(const Var& src) {
    const Var hidden = fc1(src);
    return fc2(dropout(relu(with_norm ? norm1(hidden) : hidden)));
  }
  std::vector<double> dropout_words() {
    std::vector<double> words;
    for (const auto& named : parameters(dropout))
      for (const auto word : named.parameter->value().data<std::int32_t>()) words.push_back(word);
    return words;
  }
  void visit(auto&& each) {
    each("fc1", fc1);
    if (with_norm) each("norm1", norm1);
    each("dropout", dropout), each("fc2", fc2);
  }
};

using Arrays = std::map<std::string, std::vector<double>>;

inline Arrays arrays_of(RanksNet& net) {
  Arrays arrays;
  for (const auto& [path, parameter] : parameters(net))
    if (parameter->kind() != Parameter::Kind::state) arrays[path] = values(parameter->value());
  return arrays;
}

inline constexpr int steps = 5;

inline Tensor images_of(int step, std::int64_t count, DType dtype) {
  return random_tensor({count, 300}, dtype, static_cast<std::uint64_t>(step) + 1);
}
inline Tensor labels_of(int step, std::int64_t count) {
  return random_labels(count, 3, static_cast<std::uint64_t>(step) + 1);
}

inline void expect_close(const std::vector<double>& actual, const std::vector<double>& expected, double bound,
                         const std::string& name) {
  BOOST_REQUIRE(actual.size() == expected.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i)
    worst = std::max(worst, std::abs(actual[i] - expected[i]) / std::max(1.0, std::abs(expected[i])));
  BOOST_TEST(worst <= bound, name << " is off by " << worst);
}

}  // namespace keel::test
