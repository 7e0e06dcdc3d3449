#include "keel/models/average.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/checkpoint_support.hpp"
#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::values;

using Values = std::map<std::string, std::vector<double>>;

struct Net {
  Linear fc1{4, 8}, fc2{8, 3};
  BatchNorm bn{8};
  Dropout dropout{0.2};
  Var operator()(const Var& src) { return fc2(dropout(relu(bn(fc1(src))))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn", bn), each("dropout", dropout), each("fc2", fc2); }
};

Values values_of(Net& net) {
  Values result;
  for (const auto& [path, parameter] : parameters(net))
    if (parameter->kind() != Parameter::Kind::state) result[path] = values(parameter->value());
  return result;
}

struct Training {
  Training() { initialize(net, Rng{1}); }
  void train() {
    ++batches;
    step(random_tensor({16, 4}, batches), random_labels(16, 3, batches));
  }
  Net net;
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep<Net, Sgd, decltype(&cross_entropy)> step{net, sgd, cross_entropy};
  std::uint64_t batches = 0;
};

void check_against_the_formula(const AverageOptions& options) {
  Training training;
  Average ema{training.net, options};
  auto expected = values_of(training.net);
  for (int n = 0; n < 12; ++n) {
    training.train();
    ema.update();
    const double decay = options.warm_up ? std::min(options.decay, (1.0 + n) / (10.0 + n)) : options.decay;
    for (auto& [path, average] : expected) {
      const auto now = values_of(training.net).at(path);
      for (std::size_t i = 0; i < now.size(); ++i)
        average[i] = path == "bn.updates" ? now[i] : decay * average[i] + (1 - decay) * now[i];
    }
  }
  BOOST_TEST(ema.updates() == 12);
  const auto averaged = ema.in_place();
  for (const auto& [path, value] : values_of(training.net))
    BOOST_TEST(test::within(value, expected.at(path), 1e-6), path);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(average_test)

BOOST_AUTO_TEST_CASE(weights_and_statistics_are_averaged_by_the_formula_and_counts_are_the_model_s) {
  check_against_the_formula({.decay = 0.9});
  check_against_the_formula({.decay = 0.999, .warm_up = true});
}

BOOST_AUTO_TEST_CASE(the_model_has_the_average_within_the_scope_and_its_own_values_behind_it_bit_for_bit) {
  Training training;
  Average ema{training.net, {.decay = 0.9}};
  for (int i = 0; i < 5; ++i) training.train(), ema.update();
  const auto own = values_of(training.net);
  Inference predict{training.net};
  const Tensor images = random_tensor({7, 4}, 9);
  const auto before = values(predict(images));
  {
    const auto averaged = ema.in_place();
    BOOST_TEST((values_of(training.net) != own));
    BOOST_TEST((values(predict(images)) != before));  // the plan that was compiled before follows
  }
  BOOST_TEST((values_of(training.net) == own));
  BOOST_TEST((values(predict(images)) == before));
}

BOOST_AUTO_TEST_CASE(training_goes_on_as_if_nobody_had_looked) {
  Training looked;
  Training plain;
  Average ema{looked.net};
  for (int i = 0; i < 4; ++i) {
    looked.train(), ema.update();
    plain.train();
    const auto averaged = ema.in_place();
  }
  BOOST_TEST((values_of(looked.net) == values_of(plain.net)));
}

BOOST_AUTO_TEST_CASE(population_statistics_within_the_scope_are_those_of_the_average) {
  Training training;
  Average ema{training.net, {.decay = 0.9}};
  for (int i = 0; i < 5; ++i) training.train(), ema.update();
  const std::vector batches{random_tensor({16, 4}, 1), random_tensor({16, 4}, 2)};
  const auto own = values_of(training.net);
  Values set;
  {
    const auto averaged = ema.in_place();
    population_statistics(training.net, batches);
    set = values_of(training.net);
  }
  BOOST_TEST((values_of(training.net) == own));
  const auto averaged = ema.in_place();
  BOOST_TEST((values_of(training.net) == set));
}

BOOST_AUTO_TEST_CASE(its_state_can_be_saved_and_written_back) {
  Training training;
  Average ema{training.net, {.decay = 0.9}};
  for (int i = 0; i < 5; ++i) training.train(), ema.update();
  Average other{training.net, {.decay = 0.9}};
  const auto from = ema.state();
  const auto to = other.state();
  BOOST_REQUIRE(from.size() == to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    BOOST_TEST(from[i].path == to[i].path);
    BOOST_TEST(from[i].name == (i == 0 ? "updates" : "average"));
    std::copy_n(from[i].value.bytes(), from[i].value.type().bytes(), to[i].value.bytes());
  }
  BOOST_TEST(other.updates() == 5);
  Values expected;
  {
    const auto averaged = ema.in_place();
    expected = values_of(training.net);
  }
  const auto averaged = other.in_place();
  BOOST_TEST((values_of(training.net) == expected));
}

BOOST_AUTO_TEST_CASE(what_is_initialized_anew_begins_its_average_anew) {
  Training training;
  Average ema{training.net, {.decay = 0.9}};
  for (int i = 0; i < 5; ++i) training.train(), ema.update();
  initialize(training.net, Rng{2});
  const auto fresh = values_of(training.net);
  const auto averaged = ema.in_place();
  BOOST_TEST((values_of(training.net) == fresh));
}

BOOST_AUTO_TEST_CASE(initializing_all_anew_begins_the_warm_up_anew) {
  Training training;
  Average ema{training.net, {.decay = 0.999, .warm_up = true}};
  for (int i = 0; i < 100; ++i) ema.update();
  initialize(training.net.fc1, Rng{2});
  ema.update();
  BOOST_TEST(ema.updates() == 101);
  initialize(training.net, Rng{2});
  (void)ema.state();  // looks at the model
  Average fresh{training.net, {.decay = 0.999, .warm_up = true}};
  for (int i = 0; i < 3; ++i) training.train(), ema.update(), fresh.update();
  BOOST_TEST(ema.updates() == 3);
  Values expected;
  {
    const auto averaged = fresh.in_place();
    expected = values_of(training.net);
  }
  const auto averaged = ema.in_place();
  BOOST_TEST((values_of(training.net) == expected));
}

BOOST_AUTO_TEST_CASE(the_average_of_what_stays_the_same_is_that) {
  Training training;
  for (int i = 0; i < 3; ++i) training.train();
  const auto own = values_of(training.net);
  Average ema{training.net, {.decay = 0.9}};
  for (int i = 0; i < 1000; ++i) ema.update();
  const auto averaged = ema.in_place();
  BOOST_TEST((values_of(training.net) == own));
}

BOOST_AUTO_TEST_CASE(a_copy_has_arrays_of_its_own) {
  Training training;
  Average ema{training.net, {.decay = 0.5}};
  training.train(), ema.update();
  const auto averaged_values = [&] {
    auto result = values_of(training.net);
    result.erase("bn.updates");  // the model's own
    return result;
  };
  Average copy = ema;
  Values expected;
  {
    const auto averaged = ema.in_place();
    expected = averaged_values();
    BOOST_TEST(test::throws_with<Error>([&] { const Average in_scope{ema}; }, {"end the scope"}));
  }
  training.train(), ema.update();
  BOOST_TEST(copy.updates() == 1);
  {
    const auto averaged = copy.in_place();
    BOOST_TEST((averaged_values() == expected));
  }
  ema = copy;
  const auto averaged = ema.in_place();
  BOOST_TEST((averaged_values() == expected));
}

BOOST_AUTO_TEST_CASE(one_that_moves_takes_everything_along_and_its_scope_ends_as_it_would) {
  Training training;
  Average ema{training.net, {.decay = 0.5}};
  training.train(), ema.update();
  const auto own = values_of(training.net);
  std::optional<Average> moved;
  {
    const auto averaged = ema.in_place();
    moved.emplace(std::move(ema));
    BOOST_CHECK_THROW(moved->update(), Error);
  }
  BOOST_TEST((values_of(training.net) == own));
  moved->update();
  BOOST_TEST(moved->updates() == 2);
  const std::initializer_list<std::string_view> parts{"use the one that it was moved into"};
  // NOLINTBEGIN(bugprone-use-after-move)
  BOOST_TEST(test::throws_with<Error>([&] { ema.update(); }, parts));
  BOOST_TEST(test::throws_with<Error>([&] { (void)ema.updates(); }, parts));
  BOOST_TEST(test::throws_with<Error>([&] { (void)ema.state(); }, parts));
  BOOST_TEST(test::throws_with<Error>([&] { const auto averaged = ema.in_place(); }, parts));
  // NOLINTEND(bugprone-use-after-move)
}

// A file would have the average in the place of the weights, and the other way round.
BOOST_AUTO_TEST_CASE(no_training_state_is_saved_or_loaded_within_the_scope) {
  Training training;
  Average ema{training.net, {.decay = 0.5}};
  training.train(), ema.update();
  Rng random{1};
  std::int64_t count = 0;
  TrainingState state{training.net, training.sgd, random, count};
  state.add("ema", ema);
  const test::Folder folder;
  save_checkpoint(state, folder.model());
  const auto own = values_of(training.net);
  {
    const auto averaged = ema.in_place();
    const auto average = values_of(training.net);
    BOOST_TEST(test::throws_with<Error>([&] { save_checkpoint(state, folder.path / "in scope"); },
                                        {"end the scope of in_place first"}));
    BOOST_TEST(test::throws_with<Error>([&] { load_checkpoint(state, folder.model()); },
                                        {"end the scope of in_place first"}));
    BOOST_TEST((values_of(training.net) == average));
    BOOST_TEST(!std::filesystem::exists(folder.path / "in scope"));
  }
  BOOST_TEST((values_of(training.net) == own));
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
  Net net;
  BOOST_TEST(test::throws_with<NoValuesError>([&] { const Average ema{net}; }, {"'fc1.weights'"}));
  initialize(net, Rng{1});
  BOOST_TEST(test::throws_with<Error>([&] { const Average ema{net, {.decay = 1.0}}; }, {"decay", "[0, 1)"}));
  Average ema{net};
  const auto averaged = ema.in_place();
  BOOST_TEST(test::throws_with<Error>([&] { ema.update(); }, {"end the scope of in_place first"}));
  BOOST_TEST(test::throws_with<Error>([&] { const auto again = ema.in_place(); }, {"end the scope"}));
}

BOOST_AUTO_TEST_SUITE_END()
