#include "keel/models/freeze.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_labels;
using test::random_tensor;
using test::values;

using Values = std::map<std::string, std::vector<double>>;

Values values_of(Mlp& model) {
  Values result;
  for (const auto& [path, parameter] : parameters(model)) result[path] = values(parameter->value());
  return result;
}

// The paths of the parameters in which two snapshots differ.
std::vector<std::string> changed(const Values& before, const Values& after) {
  std::vector<std::string> paths;
  for (const auto& [path, value] : before)
    if (value != after.at(path)) paths.push_back(path);
  return paths;
}

using Paths = std::vector<std::string>;

// A network with two batch norms, and its step.
struct Training {
  explicit Training(DType type = DType::f32) : dtype{type} {
    initialize(model, Rng{5}, dtype);
    train();
  }
  double train(std::int64_t count = 16) {
    ++batches;
    return step(converted(random_tensor({count, 6}, batches), dtype), random_labels(count, 3, batches));
  }
  Paths changed_by_a_step() {
    const auto before = values_of(model);
    train();
    return changed(before, values_of(model));
  }
  Plan& plan() { return step.plan(converted(random_tensor({16, 6}, 1), dtype), random_labels(16, 3)); }
  bool has_step(std::string_view name) {
    return std::ranges::any_of(plan().steps(), [&](const auto& s) { return s.node.op->name() == name; });
  }

  DType dtype;
  std::uint64_t batches = 0;
  Mlp model{{.inputs = 6, .hidden = {16, 16}, .classes = 3, .batch_norm = true}};
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep<Mlp, Sgd, decltype(&cross_entropy)> step{model, sgd, cross_entropy};
};

const Paths trained{"bn1.beta",    "bn1.gamma",   "bn2.beta", "bn2.gamma",
                    "fc1.weights", "fc2.weights", "fc3.bias", "fc3.weights"};
const Paths statistics{"bn1.running_mean", "bn1.running_variance", "bn1.updates",
                       "bn2.running_mean", "bn2.running_variance", "bn2.updates"};

Paths both() {
  Paths paths = trained;
  paths.insert(paths.end(), statistics.begin(), statistics.end());
  std::ranges::sort(paths);
  return paths;
}

struct TwoLayers {
  Linear first{4, 4};
  Linear second{4, 4};
  int recordings = 0;
  Var operator()(const Var& src) {
    ++recordings;
    return second(first(src));
  }
  void visit(auto&& each) {
    each("first", first);
    each("second", second);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(freeze_test)

BOOST_AUTO_TEST_CASE(freezing_the_weights_leaves_them_alone_and_the_statistics_go_on) {
  Training training;
  BOOST_TEST(training.changed_by_a_step() == both(), boost::test_tools::per_element());
  freeze(training.model);
  BOOST_TEST(training.changed_by_a_step() == statistics, boost::test_tools::per_element());
  unfreeze(training.model);
  BOOST_TEST(training.changed_by_a_step() == both(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(freezing_the_statistics_leaves_them_alone_and_the_weights_train_on) {
  Training training;
  freeze_statistics(training.model);
  BOOST_TEST(training.changed_by_a_step() == trained, boost::test_tools::per_element());
  unfreeze_statistics(training.model);
  BOOST_TEST(training.changed_by_a_step() == both(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(with_both_frozen_a_step_only_measures_the_loss) {
  Training training{DType::f64};
  freeze(training.model);
  freeze_statistics(training.model);
  BOOST_TEST(training.changed_by_a_step() == Paths{}, boost::test_tools::per_element());
  BOOST_TEST(!training.has_step("sgd_update"));
  BOOST_TEST(!training.has_step("running_statistics"));
  CompiledFunction inference{Mode::inference, [&](Tape&, std::span<const Var> v) {
                               return std::vector{cross_entropy(training.model(v[0]), v[1])};
                             }};
  const Tensor images = converted(random_tensor({16, 6}, 9), DType::f64);
  const Tensor labels = random_labels(16, 3);
  BOOST_TEST(training.step(images, labels) == values(inference(std::array{images, labels}).output(0))[0]);
}

// With frozen statistics a batch of one has no variance to miss.
BOOST_AUTO_TEST_CASE(with_frozen_statistics_a_batch_of_one_trains) {
  Training training;
  BOOST_TEST(test::throws_with<ShapeError>([&] { training.train(1); }, {"more than one sample"}));
  freeze_statistics(training.model);
  BOOST_TEST(std::isfinite(training.train(1)));
  unfreeze_statistics(training.model);
  BOOST_TEST(test::throws_with<ShapeError>([&] { training.train(1); }, {"more than one sample"}));
}

BOOST_AUTO_TEST_CASE(a_part_of_a_model_is_frozen_alone) {
  TwoLayers model;
  initialize(model, Rng{1});
  freeze(model.first);
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  const auto all = parameters(model);
  std::vector<std::vector<double>> before;
  for (const auto& [path, parameter] : all) before.push_back(values(parameter->value()));
  step(random_tensor({8, 4}, 1), random_labels(8, 4));
  for (std::size_t i = 0; i < all.size(); ++i)
    BOOST_TEST((values(all[i].parameter->value()) == before[i]) == (i < 2), all[i].path);
  // Of the backward pass, only the gradients of the second layer's weights and bias are left.
  int products = 0;
  for (const auto& s : step.plan(random_tensor({8, 4}, 1), random_labels(8, 4)).steps())
    products += s.node.op->name().starts_with("matmul") ? 1 : 0;
  BOOST_TEST(products == 1);
}

// A step that is compiled for several shapes notices in each of them.
BOOST_AUTO_TEST_CASE(no_plan_is_stale_whatever_its_shape) {
  Training training;
  training.train(16);
  training.train(7);
  freeze(training.model);
  training.train(16);
  const auto before = values_of(training.model);
  training.train(7);
  BOOST_TEST(changed(before, values_of(training.model)) == statistics, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(only_a_change_compiles_anew) {
  TwoLayers model;
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  const auto recordings_after = [&](auto&& change) {
    change(model);
    step(random_tensor({8, 4}, 1), random_labels(8, 4));
    return model.recordings;
  };
  BOOST_TEST(recordings_after([](auto&) {}) == 1);
  BOOST_TEST(recordings_after([](auto& m) { unfreeze(m); }) == 1);
  BOOST_TEST(recordings_after([](auto& m) { freeze(m.first); }) == 2);
  BOOST_TEST(recordings_after([](auto& m) { freeze(m.first); }) == 2);
  BOOST_TEST(recordings_after([](auto& m) { freeze_statistics(m); }) == 2);
  BOOST_TEST(recordings_after([](auto& m) { unfreeze(m.first); }) == 3);
}

// A frozen layer passes gradients on to those below it.
BOOST_AUTO_TEST_CASE(layers_below_a_frozen_one_train_as_if_it_had_a_learning_rate_of_zero) {
  TwoLayers frozen;
  TwoLayers free;
  for (auto* model : {&frozen, &free}) initialize(*model, Rng{1}, DType::f64);
  freeze(frozen.second);
  const Tensor images = converted(random_tensor({8, 4}, 1), DType::f64);
  const Tensor labels = random_labels(8, 4);
  for (auto* model : {&frozen, &free}) {
    Sgd sgd{{.learning_rate = 0.1}};
    TrainingStep step{*model, sgd, cross_entropy};
    step(images, labels);
  }
  BOOST_TEST(
      (values(parameters(frozen)[0].parameter->value()) == values(parameters(free)[0].parameter->value())));
}

BOOST_AUTO_TEST_SUITE_END()
