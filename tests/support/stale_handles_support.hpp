#pragma once

#include <string>
#include <vector>

#include "keel/keel.hpp"
#include "ops_support.hpp"

namespace keel::test {

// What the tests train whose models, values or optimizers are replaced, moved or destroyed.

struct Net {
  Linear first{4, 8};
  BatchNorm norm{8};
  Linear last{8, 3};

  Var operator()(const Var& src) { return last(relu(norm(first(src)))); }
  void visit(auto&& each) { each("first", first), each("norm", norm), each("last", last); }
};

inline const Tensor& images() {
  static const Tensor tensor = random_tensor({6, 4}, 1);
  return tensor;
}
inline const Tensor& labels() {
  static const Tensor tensor = random_labels(6, 3, 1);
  return tensor;
}

using Values = std::vector<std::vector<double>>;

template <class Model>
Values values_of(Model& model) {
  Values result;
  for (const auto& [path, parameter] : parameters(model)) result.push_back(values(parameter->value()));
  return result;
}

// The weights after some steps with a new optimizer, from the values that seed 1 gives.
template <class Model>
Values trained_anew(int steps) {
  Model model;
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  for (int i = 0; i < steps; ++i) step(images(), labels());
  return values_of(model);
}

// The loss of predicting w1 + w2, squared.
struct Squared {
  Linear model{2, 1, {.bias = false}};
  Tensor x = Tensor::of<float>({1, 2}, {1, 1});
  Tensor y = Tensor::of<float>({1, 1}, {0});

  Squared() { initialize(model, Rng{1}); }
  Parameter& weights() { return *parameters(model)[0].parameter; }
};

}  // namespace keel::test
