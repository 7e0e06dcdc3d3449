// What steps do when the optimizer that they refer to is replaced, moved or destroyed, or goes on with another
// model.

#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>

#include "../support/stale_handles_support.hpp"

using namespace keel;
using namespace keel::test;

BOOST_AUTO_TEST_SUITE(stale_optimizers_test)

BOOST_AUTO_TEST_CASE(a_step_follows_an_optimizer_that_is_assigned_anew) {
  Squared s;
  Sgd sgd{{.learning_rate = 0.0}};
  TrainingStep step{s.model, sgd, mse};
  s.weights().set_value(Tensor::of<float>({1, 2}, {5, 5}));
  BOOST_TEST(step(s.x, s.y) == 100.0);
  sgd = Sgd{{.learning_rate = 0.1}};
  step(s.x, s.y);
  BOOST_TEST(step(s.x, s.y) < 99.0);
  sgd.set_learning_rate(0.0);
  step(s.x, s.y);
  BOOST_TEST(step(s.x, s.y) == step(s.x, s.y));
}

// Its settings too, and it has no velocities yet.
BOOST_AUTO_TEST_CASE(an_assigned_optimizer_begins_as_a_new_one) {
  const auto run = [](bool assigned, auto former) {
    Net model;
    initialize(model, Rng{1});
    TrainingStep step{model, former, cross_entropy};
    for (int i = 0; i < 3; ++i) step(images(), labels());
    initialize(model, Rng{1});
    using Optimizer = decltype(former);
    Optimizer fresh{{.learning_rate = 0.05, .weight_decay = 0.1}};
    if (assigned) {
      former = Optimizer{{.learning_rate = 0.05, .weight_decay = 0.1}};
      for (int i = 0; i < 3; ++i) step(images(), labels());
    } else {
      TrainingStep another{model, fresh, cross_entropy};
      for (int i = 0; i < 3; ++i) another(images(), labels());
    }
    return values_of(model);
  };
  const Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  const Adam adam{{.learning_rate = 0.1}};
  BOOST_TEST((run(true, sgd) == run(false, sgd)));
  BOOST_TEST((run(true, adam) == run(false, adam)));
}

BOOST_AUTO_TEST_CASE(initialized_again_a_model_trains_as_if_for_the_first_time) {
  Net model;
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  for (int round = 0; round < 3; ++round) {
    initialize(model, Rng{1});
    for (int i = 0; i < 4; ++i) step(images(), labels());
    BOOST_TEST((values_of(model) == trained_anew<Net>(4)), "round " << round);
  }
}

// One after another, each with values of its own, which the allocator lays where those before had been.
BOOST_AUTO_TEST_CASE(an_optimizer_keeps_nothing_of_a_model_that_is_no_more) {
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  for (int round = 0; round < 4; ++round) {
    const auto model = std::make_unique<Net>();
    initialize(*model, Rng{1});
    TrainingStep step{*model, sgd, cross_entropy};
    for (int i = 0; i < 4; ++i) step(images(), labels());
    BOOST_TEST((values_of(*model) == trained_anew<Net>(4)), "round " << round);
  }
}

BOOST_AUTO_TEST_CASE(two_models_take_turns_with_one_optimizer) {
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  Net one;
  Net other;
  initialize(one, Rng{1});
  initialize(other, Rng{1});
  TrainingStep first{one, sgd, cross_entropy};
  TrainingStep second{other, sgd, cross_entropy};
  for (int i = 0; i < 4; ++i) first(images(), labels()), second(images(), labels());
  BOOST_TEST((values_of(one) == trained_anew<Net>(4)));
  BOOST_TEST((values_of(other) == trained_anew<Net>(4)));
}

BOOST_AUTO_TEST_CASE(an_optimizer_that_moved_away_or_was_destroyed_is_an_error) {
  Net model;
  initialize(model, Rng{1});
  std::optional<Adam> adam{Adam{{}}};
  TrainingStep step{model, *adam, cross_entropy};
  step(images(), labels());
  Adam other = std::move(*adam);
  BOOST_TEST(throws_with<Error>([&] { step(images(), labels()); }, {"the optimizer was moved away"}));
  BOOST_TEST(throws_with<Error>([&] { (void)adam->steps(); }, {"Adam was used that was moved from"}));
  BOOST_TEST(throws_with<Error>([&] { (void)adam->state(model); }, {"Adam was used that was moved from"}));
  adam.reset();
  BOOST_TEST(throws_with<Error>([&] { step(images(), labels()); }, {"the optimizer was destroyed"}));
  TrainingStep again{model, other, cross_entropy};
  again(images(), labels());
  BOOST_TEST(other.steps() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
