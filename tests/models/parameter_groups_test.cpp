// Groups of parameters with rates and decay of their own.

#include "keel/models/parameter_groups.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::values;

using Values = std::map<std::string, std::vector<double>>;
using Groups = std::vector<ParameterGroup>;

struct Encoder {
  Linear fc1{4, 8}, fc10{8, 8};
  Var operator()(const Var& src) { return tanh(fc10(tanh(fc1(src)))); }
  void visit(auto&& each) { each("fc1", fc1), each("fc10", fc10); }
};

struct Net {
  Encoder encoder;
  Linear head{8, 3};
  Var operator()(const Var& src) { return head(encoder(src)); }
  void visit(auto&& each) { each("encoder", encoder), each("head", head); }
};

template <class Model>
Values values_of(Model& model) {
  Values result;
  for (const auto& [path, parameter] : parameters(model)) result[path] = values(parameter->value());
  return result;
}

const Tensor& images() {
  static const Tensor tensor = test::converted(random_tensor({6, 4}, 1), DType::f64);
  return tensor;
}
const Tensor& labels() {
  static const Tensor tensor = random_labels(6, 3, 1);
  return tensor;
}

bool is_bias(std::string_view path) {
  return path.ends_with("bias");
}

// After some steps with such an optimizer.
template <class Optimizer>
Values trained(Optimizer optimizer, int steps = 1) {
  Net net;
  initialize(net, Rng{1}, DType::f64);
  TrainingStep step{net, optimizer, cross_entropy};
  for (int i = 0; i < steps; ++i) step(images(), labels());
  return values_of(net);
}

// Each parameter as in the run that is named for it.
template <class Choose>
void expect(const Values& actual, const Choose& choose) {
  for (const auto& [path, value] : actual)
    BOOST_TEST(test::within(value, choose(path).at(path), 1e-15), path);
}

template <class Optimizer, class Options>
void check_rates_and_decay(Options options) {
  const auto with = [&](double rate, double decay) {
    options.learning_rate = rate;
    options.weight_decay = decay;
    options.groups = {};
    return trained(Optimizer{options});
  };
  const auto below = with(0.01, 0.3);
  const auto above = with(0.1, 0.3);
  const auto biases = with(0.1, 0.0);
  options.learning_rate = 0.1;
  options.weight_decay = 0.3;
  options.groups = Groups{{.paths = is_bias, .weight_decay = 0.0}, {.paths = "encoder", .rate_factor = 0.1}};
  expect(trained(Optimizer{options}), [&](const std::string& path) -> const Values& {
    if (is_bias(path)) return biases;
    return path.starts_with("encoder") ? below : above;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parameter_groups_test)

// One step: what comes behind depends on all of them.
BOOST_AUTO_TEST_CASE(every_optimizer_gives_each_group_its_rate_and_decay) {
  using enum WeightDecay;
  check_rates_and_decay<Sgd>(SgdOptions{.momentum = 0.9, .decay = everything});
  check_rates_and_decay<Sgd>(SgdOptions{.momentum = 0.9, .nesterov = true, .decay = everything});
  check_rates_and_decay<Adam>(AdamOptions{.decay = everything});
  check_rates_and_decay<Adam>(AdamOptions{.decoupled = false, .decay = everything});
  check_rates_and_decay<Rmsprop>(RmspropOptions{.decay = everything});
  check_rates_and_decay<Lion>(LionOptions{.decay = everything});
}

BOOST_AUTO_TEST_CASE(a_group_s_rate_follows_the_optimizer_s) {
  Net net;
  initialize(net, Rng{1}, DType::f64);
  Sgd sgd{{.learning_rate = 0.0, .groups = {{.paths = "encoder.fc1", .rate_factor = 0.5}}}};
  TrainingStep step{net, sgd, cross_entropy};
  const auto before = values_of(net);
  step(images(), labels());
  BOOST_TEST((values_of(net) == before));
  sgd.set_learning_rate(0.2);
  step(images(), labels());
  const auto half = trained(Sgd{{.learning_rate = 0.1}});
  const auto whole = trained(Sgd{{.learning_rate = 0.2}});
  // "encoder.fc10" is not among them.
  expect(values_of(net), [&](const std::string& path) -> const Values& {
    return path.starts_with("encoder.fc1.") ? half : whole;
  });
}

BOOST_AUTO_TEST_CASE(a_group_of_all_with_the_same_settings_changes_nothing) {
  for (const bool grouped : {false, true}) {
    const Groups groups = grouped ? Groups{{.paths = "head"}, {.paths = "encoder.fc1.weights"}} : Groups{};
    const auto run =
        trained(Adam{{.learning_rate = 0.01, .weight_decay = 0.1, .clip_norm = 0.1, .groups = groups}}, 5);
    static const auto first = run;
    BOOST_TEST((run == first));
  }
}

BOOST_AUTO_TEST_CASE(without_groups_there_is_one_update) {
  const auto updates = [](const Groups& groups) {
    Net net;
    initialize(net, Rng{1}, DType::f64);
    Sgd sgd{{.groups = groups}};
    TrainingStep step{net, sgd, cross_entropy};
    const auto steps = step.plan(images(), labels()).steps();
    return std::ranges::count_if(steps,
                                 [](const auto& kernel) { return kernel.node.op->name() == "sgd_update"; });
  };
  BOOST_TEST(updates({}) == 1);
  BOOST_TEST(updates({{.paths = "head", .rate_factor = 0.1}}) == 2);
}

BOOST_AUTO_TEST_CASE(what_an_optimizer_keeps_is_saved_whatever_the_groups) {
  Net net;
  initialize(net, Rng{1}, DType::f64);
  Rmsprop grouped{{.groups = {{.paths = "head", .rate_factor = 0.1}}}};
  TrainingStep step{net, grouped, cross_entropy};
  step(images(), labels());
  const auto state = grouped.state(net);
  BOOST_TEST(state.size() == 7U);
  BOOST_TEST(state[0].name == "learning_rate");
  for (std::size_t i = 1; i < state.size(); ++i) {
    BOOST_TEST(state[i].name == "square");
    BOOST_TEST(values(state[i].value)[0] > 0.0, state[i].path);
  }
  // Whoever writes a rate back writes that of all groups.
  state[0].value.data<double>()[0] = 0.0;
  const auto before = values_of(net);
  step(images(), labels());
  BOOST_TEST((values_of(net) == before));
}

BOOST_AUTO_TEST_CASE(groups_that_make_no_sense_are_refused) {
  BOOST_TEST(test::throws_with<Error>([] { Sgd{{.groups = {{.paths = "head", .rate_factor = -1.0}}}}; },
                                      {"rate_factor", "'head'", "-1"}));
  BOOST_TEST(test::throws_with<Error>([] { Adam{{.groups = {{.paths = "head", .weight_decay = -1.0}}}}; },
                                      {"weight_decay"}));
  Net net;
  Lion lion{{.groups = {{.paths = "haed"}}}};
  BOOST_TEST(test::throws_with<Error>([&] { TrainingStep(net, lion, cross_entropy); },
                                      {"group of 'haed'", "'encoder.fc1.weights'"}));
  Lion other{{.groups = {{.paths = [](std::string_view) { return false; }}}}};
  BOOST_TEST(
      test::throws_with<Error>([&] { TrainingStep(net, other, cross_entropy); }, {"group of a function"}));
  freeze(net.head);
  Lion frozen{{.groups = {{.paths = "head"}}}};
  const TrainingStep step{net, frozen, cross_entropy};  // may be unfrozen
}

BOOST_AUTO_TEST_SUITE_END()
