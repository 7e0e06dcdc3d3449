#include "keel/models/sharded_step.hpp"

#include <boost/test/unit_test.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "../support/ranks_net.hpp"
#include "../support/ranks_support.hpp"
#include "../support/thread_ranks.hpp"

namespace {

using namespace keel;
using test::Arrays;
using test::arrays_of;
using test::expect_close;
using test::images_of;
using test::labels_of;
using test::RanksNet;
using test::rows_of;
using test::run_ranks;
using test::steps;
using test::throws_with;
using test::values;

// Bits of everything after some steps with dropout and batch norm in shards.
Arrays sharded(std::int64_t shards, std::int64_t count, const Communicator& ranks) {
  RanksNet net{true, 0.25};
  initialize(net, Rng{1});
  Adam adam{{.learning_rate = 0.01}};
  ShardedStep step{net, adam, cross_entropy, {.shards = shards, .ranks = ranks}};
  std::vector<double> losses;
  for (int i = 0; i < steps; ++i) {
    const auto begin = count * ranks.rank() / ranks.size();
    const auto end = count * (ranks.rank() + 1) / ranks.size();
    losses.push_back(
        step(rows_of(images_of(i, count, DType::f32), begin, end), rows_of(labels_of(i, count), begin, end)));
  }
  auto arrays = arrays_of(net);
  arrays["losses"] = losses;
  for (const auto word : net.dropout_words()) arrays["stream"].push_back(word);
  return arrays;
}

std::mutex check;  // of what ranks test

struct Widening {
  Linear first{300, 40};
  BatchNorm norm{40};
  Linear last{40, 3};
  Var operator()(const Var& src) { return last(relu(norm(first(src)))); }
  void visit(auto&& each) { each("first", first), each("norm", norm), each("last", last); }
};

struct Counting {
  Linear linear{300, 3};
  Parameter count{Shape{2}, Initializer::constant(0.0), Parameter::Kind::state, DType::s32};
  Var operator()(const Var& src) { return linear(src); }
  void visit(auto&& each) { each("linear", linear), each("count", count); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sharded_step)

BOOST_AUTO_TEST_CASE(shards_give_the_same_bits_on_any_number_of_ranks) {
  for (const std::int64_t count : {32, 19}) {
    const auto expected = [&] {
      const ThreadLimit one{1};
      return sharded(8, count, {});
    }();
    for (const int size : {2, 4, 8}) {
      std::mutex mutex;
      std::vector<Arrays> by_rank(static_cast<std::size_t>(size));
      run_ranks(size, [&](const Communicator& ranks) {
        auto arrays = sharded(8, count, ranks);
        const std::lock_guard lock{mutex};
        by_rank[static_cast<std::size_t>(ranks.rank())] = std::move(arrays);
      });
      for (const auto& arrays : by_rank)
        BOOST_TEST((arrays == expected), size << " ranks, " << count << " rows");
    }
  }
}

BOOST_AUTO_TEST_CASE(shards_train_as_ranks_of_as_many) {
  std::mutex mutex;
  Arrays by_ranks;
  run_ranks(4, [&](const Communicator& ranks) {
    RanksNet net{false};
    initialize(net, Rng{1}, DType::f64);
    Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
    TrainingStep step{net, sgd, cross_entropy, {.ranks = ranks}};
    for (int i = 0; i < steps; ++i)
      step(rows_of(images_of(i, 12, DType::f64), 3 * ranks.rank(), 3 * ranks.rank() + 3),
           rows_of(labels_of(i, 12), 3 * ranks.rank(), 3 * ranks.rank() + 3));
    const std::lock_guard lock{mutex};
    by_ranks = arrays_of(net);
  });
  RanksNet net{false};
  initialize(net, Rng{1}, DType::f64);
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  ShardedStep step{net, sgd, cross_entropy, {.shards = 4}};
  for (int i = 0; i < steps; ++i) step(images_of(i, 12, DType::f64), labels_of(i, 12));
  for (const auto& [path, array] : arrays_of(net)) expect_close(array, by_ranks.at(path), 1e-13, path);
}

BOOST_AUTO_TEST_CASE(shards_that_do_not_fit_are_refused) {
  RanksNet net{false};
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  for (const std::int64_t shards : {0, 3, -4})
    BOOST_CHECK_THROW((ShardedStep{net, sgd, cross_entropy, {.shards = shards}}), Error);
}

BOOST_AUTO_TEST_CASE(rows_that_do_not_match_are_refused_and_change_nothing) {
  RanksNet net{true};
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  ShardedStep step{net, sgd, cross_entropy, {.shards = 4}};
  step(images_of(0, 32, DType::f32), labels_of(0, 32));
  const auto before = arrays_of(net);
  for (const std::int64_t labels : {0, 8, 64}) {
    BOOST_TEST(
        throws_with<ShapeError>([&] { step(images_of(1, 32, DType::f32), labels_of(1, labels)); },
                                {"f32 (32, 300)", "s32 (" + std::to_string(labels) + ")", "as many rows"}));
  }
  BOOST_TEST(throws_with<ShapeError>([&] { step(Tensor{Shape{}}, labels_of(1, 32)); }, {"f32 ()"}));
  BOOST_TEST((arrays_of(net) == before));
}

BOOST_AUTO_TEST_CASE(statistics_are_followed_from_when_they_are_unfrozen) {
  const auto trained = [](const Communicator& ranks) {
    RanksNet net{true};
    initialize(net, Rng{1});
    freeze_statistics(net);
    Sgd sgd{{.learning_rate = 0.1}};
    ShardedStep step{net, sgd, cross_entropy, {.shards = 4, .ranks = ranks}};
    for (int i = 0; i < 4; ++i) {
      if (i == 1) unfreeze_statistics(net);
      if (i == 3) freeze_statistics(net);
      const auto begin = 16 * ranks.rank() / ranks.size();
      const auto end = 16 * (ranks.rank() + 1) / ranks.size();
      step(rows_of(images_of(i, 16, DType::f32), begin, end), rows_of(labels_of(i, 16), begin, end));
    }
    return arrays_of(net);
  };
  const auto expected = [&] {
    const ThreadLimit one{1};
    return trained({});
  }();
  run_ranks(2, [&](const Communicator& ranks) {
    const auto arrays = trained(ranks);
    const std::lock_guard lock{check};
    BOOST_TEST((arrays == expected), "rank " << ranks.rank());
  });
}

BOOST_AUTO_TEST_CASE(a_model_that_is_assigned_anew_is_followed) {
  Widening net;
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  ShardedStep step{net, sgd, cross_entropy, {.shards = 2}};
  step(images_of(0, 8, DType::f32), labels_of(0, 8));
  net.first = Linear{300, 500};
  net.norm = BatchNorm{500};
  net.last = Linear{500, 3};
  initialize(net, Rng{2});
  step(images_of(1, 8, DType::f32), labels_of(1, 8));

  Widening anew;
  anew.first = Linear{300, 500};
  anew.norm = BatchNorm{500};
  anew.last = Linear{500, 3};
  initialize(anew, Rng{2});
  ShardedStep other{anew, sgd, cross_entropy, {.shards = 2}};
  other(images_of(1, 8, DType::f32), labels_of(1, 8));
  const auto expected = parameters(anew);
  const auto actual = parameters(net);
  BOOST_REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    BOOST_TEST((values(actual[i].parameter->value()) == values(expected[i].parameter->value())),
               expected[i].path);
}

BOOST_AUTO_TEST_CASE(a_state_that_shards_would_change_is_refused) {
  Counting net;
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  BOOST_TEST(throws_with<Error>([&] { ShardedStep(net, sgd, cross_entropy, {.shards = 2}); },
                                {"'count', s32 (2)", "random streams of dropout"}));
}

BOOST_AUTO_TEST_SUITE_END()
