#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::throws_with;
using test::values;

struct Net {
  Linear first{4, 8};
  BatchNorm norm{8};
  Linear last{8, 3, {.bias = false}};

  Var operator()(const Var& src) { return last(relu(norm(first(src)))); }
  void visit(auto&& each) { each("first", first), each("norm", norm), each("last", last); }
};

const std::vector<std::string> trained{"first.weights", "first.bias", "norm.gamma", "norm.beta",
                                       "last.weights"};

std::vector<std::vector<double>> values_of(Net& model) {
  std::vector<std::vector<double>> result;
  for (const auto& [path, parameter] : parameters(model)) result.push_back(values(parameter->value()));
  return result;
}

// A model in training.
template <class Optimizer>
struct Run {
  explicit Run(const Optimizer& initial) : optimizer{initial} { initialize(model, Rng{1}); }
  void train(int steps) {
    for (int i = 0; i < steps; ++i) {
      ++batches;
      step(random_tensor({6, 4}, batches), random_labels(6, 3, batches));
    }
  }

  std::uint64_t batches = 0;
  Net model;
  Optimizer optimizer;
  TrainingStep<Net, Optimizer, decltype(&cross_entropy)> step{model, optimizer, cross_entropy};
};

void for_each_optimizer(const auto& each) {
  each(Sgd{{.learning_rate = 0.1, .momentum = 0.9}});
  each(Adam{{.learning_rate = 0.01}});
}

void copy_elements(const Tensor& from, const Tensor& to) {
  std::copy_n(from.bytes(), from.type().bytes(), to.bytes());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizer_state_test)

BOOST_AUTO_TEST_CASE(all_of_it_is_named_by_path_and_kind) {
  for_each_optimizer([](auto initial) {
    constexpr bool is_adam = std::is_same_v<decltype(initial), Adam>;
    Run run{initial};
    run.train(3);
    const std::vector<OptimizerState> state = run.optimizer.state(run.model);
    std::vector<std::string> names, expected{"/learning_rate"};
    for (const auto& [path, name, value] : state) names.push_back(path + "/" + name);
    for (const auto& path : trained) {
      for (const auto* name : {"mean", "variance", "step"})
        if (is_adam) expected.push_back(path + "/" + name);
      if (!is_adam) expected.push_back(path + "/velocity");
    }
    BOOST_TEST(names == expected, boost::test_tools::per_element());
    for (const auto& [path, name, value] : state) {
      if (name == "step") BOOST_TEST(values(value)[0] == 3.0);
      if (name == "learning_rate") BOOST_TEST(values(value)[0] == run.optimizer.learning_rate());
      if (name == "velocity" || name == "mean" || name == "variance")
        BOOST_TEST(std::ranges::any_of(values(value), [](double x) { return x != 0.0; }), path);
    }
  });
}

// Written into a new optimizer, the state makes training go on bit for bit.
BOOST_AUTO_TEST_CASE(it_can_be_carried_over_to_another_optimizer_and_model) {
  for_each_optimizer([](auto initial) {
    Run through{initial};
    through.train(7);

    Run before{initial};
    before.train(4);
    Run after{initial};
    after.batches = 4;
    after.optimizer.set_learning_rate(0.5);
    const auto from = parameters(before.model), to = parameters(after.model);
    for (std::size_t i = 0; i < to.size(); ++i) to[i].parameter->set_value(from[i].parameter->value());
    const std::vector<OptimizerState> saved = before.optimizer.state(before.model);
    const std::vector<OptimizerState> loaded = after.optimizer.state(after.model);
    BOOST_REQUIRE(saved.size() == loaded.size());
    for (std::size_t i = 0; i < saved.size(); ++i) copy_elements(saved[i].value, loaded[i].value);
    after.train(3);
    BOOST_TEST((values_of(after.model) == values_of(through.model)));
  });
}

BOOST_AUTO_TEST_CASE(before_the_first_step_it_is_zero_and_without_values_an_error) {
  for_each_optimizer([](auto optimizer) {
    Net model;
    BOOST_TEST(throws_with<NoValuesError>([&] { (void)optimizer.state(model); }, {"'first.weights'"}));
    initialize(model, Rng{1});
    freeze(model.first);
    const std::vector<OptimizerState> state = optimizer.state(model);
    BOOST_TEST(state.back().path == "last.weights");
    for (const auto& [path, name, value] : state)
      if (!path.empty()) BOOST_TEST(std::ranges::all_of(values(value), [](double x) { return x == 0.0; }));
  });
}

BOOST_AUTO_TEST_CASE(reset_it_is_that_of_a_new_optimizer_but_for_the_learning_rate) {
  for_each_optimizer([](auto initial) {
    Run reset{initial};
    reset.train(3);
    Run fresh{initial};
    fresh.batches = 3;
    const auto from = parameters(reset.model), to = parameters(fresh.model);
    for (std::size_t i = 0; i < to.size(); ++i) to[i].parameter->set_value(from[i].parameter->value());
    reset.optimizer.reset();
    BOOST_TEST(reset.optimizer.learning_rate() == initial.learning_rate());
    reset.train(3);
    fresh.train(3);
    BOOST_TEST((values_of(reset.model) == values_of(fresh.model)));
  });
}

BOOST_AUTO_TEST_CASE(a_copy_begins_alike_and_goes_its_own_way) {
  for_each_optimizer([](auto initial) {
    Run run{initial};
    run.train(3);
    auto copy = run.optimizer;
    const std::vector<OptimizerState> original_state = run.optimizer.state(run.model);
    const std::vector<OptimizerState> state = copy.state(run.model);
    for (std::size_t i = 0; i < state.size(); ++i) {
      BOOST_TEST((values(state[i].value) == values(original_state[i].value)), state[i].path);
      BOOST_TEST(state[i].value.bytes() != original_state[i].value.bytes());
    }
    const auto before = values(state[1].value);
    copy.set_learning_rate(0.5);
    BOOST_TEST(run.optimizer.learning_rate() == initial.learning_rate());
    run.train(1);
    BOOST_TEST((values(state[1].value) == before));
    BOOST_TEST((values(original_state[1].value) != before));
  });
}

// So that an update goes on to be one sweep.
BOOST_AUTO_TEST_CASE(arrays_lie_side_by_side_also_in_a_copy) {
  for_each_optimizer([](auto initial) {
    Run run{initial};
    run.train(1);
    const auto copy = std::make_unique<decltype(initial)>(run.optimizer);
    for (auto* optimizer : {&run.optimizer, copy.get()}) {
      std::map<std::string, const std::byte*> next;
      for (const auto& [path, name, value] : optimizer->state(run.model)) {
        if (next.contains(name)) BOOST_TEST(value.bytes() == next[name], path << " " << name);
        next[name] = value.bytes() + aligned(value.type().bytes());
      }
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()
