#include "keel/models/ranks.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/ranks_support.hpp"
#include "../support/thread_ranks.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::begins_of;
using test::random_labels;
using test::random_tensor;
using test::rows_of;
using test::run_ranks;
using test::values;

struct Net {
  explicit Net(bool norm, double rate = 0.0)
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

Arrays arrays_of(Net& net) {
  Arrays arrays;
  for (const auto& [path, parameter] : parameters(net))
    if (parameter->kind() != Parameter::Kind::state) arrays[path] = values(parameter->value());
  return arrays;
}

struct Trained {
  Arrays arrays;
  std::vector<double> losses;
  std::vector<double> norms;
};

constexpr int steps = 5;

Tensor images_of(int step, std::int64_t count, DType dtype) {
  return random_tensor({count, 300}, dtype, static_cast<std::uint64_t>(step) + 1);
}
Tensor labels_of(int step, std::int64_t count) {
  return random_labels(count, 3, static_cast<std::uint64_t>(step) + 1);
}

using Part = std::function<Tensor(const Tensor& whole)>;

template <class Optimizer>
Trained trained(const Optimizer& settings, bool norm, DType dtype, std::int64_t count,
                const Communicator& ranks, const Part& part) {
  Net net{norm};
  initialize(net, Rng{1}, dtype);
  Optimizer optimizer{settings};
  TrainingStep step{net, optimizer, cross_entropy, {.gradient_norm = true, .ranks = ranks}};
  Trained result;
  for (int i = 0; i < steps; ++i) {
    result.losses.push_back(step(part(images_of(i, count, dtype)), part(labels_of(i, count))));
    result.norms.push_back(values(step.reported("gradient_norm"))[0]);
  }
  result.arrays = arrays_of(net);
  return result;
}

void expect_close(const std::vector<double>& actual, const std::vector<double>& expected, double bound,
                  const std::string& name) {
  BOOST_REQUIRE(actual.size() == expected.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i)
    worst = std::max(worst, std::abs(actual[i] - expected[i]) / std::max(1.0, std::abs(expected[i])));
  BOOST_TEST(worst <= bound, name << " is off by " << worst);
}

// That ranks with these rows of each batch come to what one process comes to with all of them.
template <class Optimizer>
void expect_one_process(const Optimizer& settings, bool norm, DType dtype,
                        const std::vector<std::int64_t>& rows, double bound) {
  const auto begins = begins_of(rows);
  const auto expected =
      trained(settings, norm, dtype, begins.back(), {}, [](const Tensor& whole) { return whole; });
  std::mutex mutex;
  std::vector<Trained> by_rank(rows.size());
  run_ranks(static_cast<int>(rows.size()), [&](const Communicator& ranks) {
    const auto rank = static_cast<std::size_t>(ranks.rank());
    auto result = trained(settings, norm, dtype, begins.back(), ranks, [&](const Tensor& whole) {
      return rows_of(whole, begins[rank], begins[rank + 1]);
    });
    const std::lock_guard lock{mutex};
    by_rank[rank] = std::move(result);
  });
  for (const auto& result : by_rank) {
    BOOST_TEST((result.arrays == by_rank[0].arrays), "ranks differ");
    expect_close(result.losses, expected.losses, bound, "the loss");
    expect_close(result.norms, expected.norms, bound, "the norm");
    for (const auto& [path, array] : expected.arrays)
      expect_close(result.arrays.at(path), array, bound, path);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ranks)

BOOST_AUTO_TEST_CASE(parts_of_a_batch_train_as_the_whole) {
  for (const auto& rows : {std::vector<std::int64_t>{8, 8}, {3, 5}, {5, 0, 3}, {1, 2, 3, 4}}) {
    expect_one_process(Sgd{{.learning_rate = 0.1, .momentum = 0.9}}, false, DType::f64, rows, 1e-12);
    expect_one_process(Adam{{.learning_rate = 0.01}}, false, DType::f64, rows, 1e-9);
  }
  expect_one_process(Sgd{{.learning_rate = 0.1, .momentum = 0.9}}, false, DType::f32, {3, 5}, 2e-6);
}

BOOST_AUTO_TEST_CASE(a_synchronized_batch_norm_trains_as_the_whole) {
  for (const auto& rows : {std::vector<std::int64_t>{8, 8}, {3, 5}, {5, 0, 3}, {1, 2, 3, 4}})
    expect_one_process(Sgd{{.learning_rate = 0.1, .momentum = 0.9}}, true, DType::f64, rows, 1e-11);
  expect_one_process(Sgd{{.learning_rate = 0.1, .momentum = 0.9}}, true, DType::f32, {3, 5}, 2e-5);
}

BOOST_AUTO_TEST_CASE(clipping_is_of_the_gradient_of_all) {
  expect_one_process(Sgd{{.learning_rate = 0.1, .momentum = 0.9, .clip_norm = 0.05}}, true, DType::f64,
                     {3, 5}, 1e-11);
}

BOOST_AUTO_TEST_CASE(large_gradients_begin_their_way_while_others_are_computed) {
  std::mutex mutex;
  std::vector<std::string> names;
  run_ranks(2, [&](const Communicator& ranks) {
    Net net{false};
    initialize(net, Rng{1});
    Sgd sgd{{.learning_rate = 0.1}};
    TrainingStep step{net, sgd, cross_entropy, {.ranks = ranks}};
    const auto& plan = step.plan(images_of(1, 8, DType::f32), labels_of(1, 8));
    const std::lock_guard lock{mutex};
    names.clear();
    for (const auto& one : plan.steps()) names.emplace_back(one.node.op->name());
  });
  const auto place = [&](const char* name) { return std::ranges::find(names, name) - names.begin(); };
  BOOST_TEST(place("begin_all_reduce") < place("finish_all_reduce"));
  BOOST_TEST(place("finish_all_reduce") < place("sgd_update"));
  BOOST_TEST(std::ranges::count(names, "begin_all_reduce") == 1);  // of fc1's weights
}

BOOST_AUTO_TEST_CASE(every_rank_drops_others) {
  std::mutex mutex;
  std::vector<std::vector<double>> masks(3);
  run_ranks(3, [&](const Communicator& ranks) {
    Tape tape{Mode::training, ranks};
    const Tensor stream = random_tensor({4}, 1).clone();
    Tensor words{Shape{4}, DType::s32};
    std::ranges::copy(std::vector{1, 2, 3, 4}, words.data<std::int32_t>().begin());
    const Var src = tape.input({4, 50});
    const std::vector outputs{dropout(src, 0.5, tape.stored(words))};
    Plan plan{tape, outputs};
    plan.bind(src, random_tensor({4, 50}, 5));
    plan.run();
    const std::lock_guard lock{mutex};
    masks[static_cast<std::size_t>(ranks.rank())] = values(plan.output(0));
  });
  BOOST_TEST((masks[0] != masks[1]));
  BOOST_TEST((masks[1] != masks[2]));
}

BOOST_AUTO_TEST_CASE(what_one_rank_throws_ends_all) {
  std::mutex mutex;
  std::vector<std::string> errors(2);
  try {
    run_ranks(2, [&](const Communicator& ranks) {
      Net net{true};
      initialize(net, Rng{1});
      Sgd sgd{{.learning_rate = 0.1}};
      TrainingStep step{net, sgd, cross_entropy, {.ranks = ranks}};
      auto labels = labels_of(1, 4);
      if (ranks.rank() == 1) labels.data<std::int32_t>()[2] = 7;
      try {
        step(images_of(1, 4, DType::f32), labels);
      } catch (const Error& error) {
        const std::lock_guard lock{mutex};
        errors[static_cast<std::size_t>(ranks.rank())] = error.what();
        throw;
      }
    });
  } catch (const Error&) {
    // In `errors`.
  }
  BOOST_TEST(errors[0].find("rank 1 failed: ") == 0U, errors[0]);
  BOOST_TEST(errors[0].find("label 7") != std::string::npos, errors[0]);
  BOOST_TEST(errors[1].find("label 7") != std::string::npos, errors[1]);
}

BOOST_AUTO_TEST_CASE(a_layer_that_one_rank_leaves_out_is_named) {
  std::mutex mutex;
  std::vector<std::string> errors(2);
  try {
    run_ranks(2, [&](const Communicator& ranks) {
      Net net{ranks.rank() == 0};
      initialize(net, Rng{1});
      Sgd sgd{{.learning_rate = 0.1}};
      TrainingStep step{net, sgd, cross_entropy, {.ranks = ranks}};
      try {
        step(images_of(1, 4, DType::f32), labels_of(1, 4));
      } catch (const Error& error) {
        const std::lock_guard lock{mutex};
        errors[static_cast<std::size_t>(ranks.rank())] = error.what();
        throw;
      }
    });
  } catch (const Error&) {
    // In `errors`.
  }
  BOOST_TEST(errors[0].find("rank 0 is at operation 1, the sum of batch_norm") != std::string::npos,
             errors[0]);
  BOOST_TEST(errors[0].find("rank 1 is at operation 1") != std::string::npos, errors[0]);
}

BOOST_AUTO_TEST_CASE(models_are_made_equal) {
  std::mutex mutex;
  std::vector<Arrays> copied(3);
  run_ranks(3, [&](const Communicator& ranks) {
    Net net{true};
    initialize(net, Rng{static_cast<std::uint64_t>(ranks.rank())});
    copy_from_first(net, ranks);
    const std::lock_guard lock{mutex};
    copied[static_cast<std::size_t>(ranks.rank())] = arrays_of(net);
  });
  BOOST_TEST((copied[1] == copied[0]));
  BOOST_TEST((copied[2] == copied[0]));
}

// As PyTorch's would be, had all ranks' batches come one after the other with a share of the momentum.
BOOST_AUTO_TEST_CASE(running_statistics_that_are_not_synchronized_follow_the_mean_of_the_ranks) {
  const auto whole = random_tensor({8, 4}, DType::f64, 3, 2.0, 1.0);
  std::mutex mutex;
  std::vector<Arrays> by_rank(2);
  std::vector<std::vector<double>> outputs(2);
  const std::vector<std::int64_t> begins{0, 3, 8};
  run_ranks(2, [&](const Communicator& ranks) {
    BatchNorm norm{4};
    initialize(norm, Rng{1}, DType::f64);
    const auto rank = static_cast<std::size_t>(ranks.rank());
    Tape tape{Mode::training, ranks};
    const auto part = rows_of(whole, begins[rank], begins[rank + 1]);
    const Var src = tape.input(part.type());
    const std::vector dst{norm(src)};
    Plan plan{tape, dst};
    plan.bind(src, part);
    plan.run();
    const std::lock_guard lock{mutex};
    outputs[rank] = values(plan.output(0));
    for (const auto& [path, parameter] : parameters(norm)) by_rank[rank][path] = values(parameter->value());
  });
  BOOST_TEST((by_rank[0] == by_rank[1]));
  std::vector<double> mean(4), variance(4);
  for (std::size_t rank = 0; rank < 2; ++rank) {
    BatchNorm alone{4, {.momentum = 1.0}};
    initialize(alone, Rng{1}, DType::f64);
    const auto part = rows_of(whole, begins[rank], begins[rank + 1]);
    Tape tape;
    const Var src = tape.input(part.type());
    const std::vector dst{alone(src)};
    Plan plan{tape, dst};
    plan.bind(src, part);
    plan.run();
    expect_close(outputs[rank], values(plan.output(0)), 1e-14, "dst");
    for (const auto& [path, parameter] : parameters(alone)) {
      auto& sums = path == "running_mean" ? mean : variance;
      if (path.starts_with("running"))
        for (std::size_t c = 0; c < 4; ++c) sums[c] += values(parameter->value())[c] / 2.0;
    }
  }
  for (std::size_t c = 0; c < 4; ++c) {
    BOOST_TEST(std::abs(by_rank[0]["running_mean"][c] - 0.1 * mean[c]) < 1e-14);
    BOOST_TEST(std::abs(by_rank[0]["running_variance"][c] - (0.9 + 0.1 * variance[c])) < 1e-14);
  }
}

// Bits of everything after some steps with dropout and batch norm in shards.
Arrays sharded(std::int64_t shards, std::int64_t count, const Communicator& ranks) {
  Net net{true, 0.25};
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
    Net net{false};
    initialize(net, Rng{1}, DType::f64);
    Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
    TrainingStep step{net, sgd, cross_entropy, {.ranks = ranks}};
    for (int i = 0; i < steps; ++i)
      step(rows_of(images_of(i, 12, DType::f64), 3 * ranks.rank(), 3 * ranks.rank() + 3),
           rows_of(labels_of(i, 12), 3 * ranks.rank(), 3 * ranks.rank() + 3));
    const std::lock_guard lock{mutex};
    by_ranks = arrays_of(net);
  });
  Net net{false};
  initialize(net, Rng{1}, DType::f64);
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  ShardedStep step{net, sgd, cross_entropy, {.shards = 4}};
  for (int i = 0; i < steps; ++i) step(images_of(i, 12, DType::f64), labels_of(i, 12));
  for (const auto& [path, array] : arrays_of(net)) expect_close(array, by_ranks.at(path), 1e-13, path);
}

BOOST_AUTO_TEST_CASE(shards_that_do_not_fit_are_refused) {
  Net net{false};
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  for (const std::int64_t shards : {0, 3, -4})
    BOOST_CHECK_THROW((ShardedStep{net, sgd, cross_entropy, {.shards = shards}}), Error);
}

BOOST_AUTO_TEST_CASE(population_statistics_are_those_of_all_ranks) {
  const auto whole = random_tensor({60, 300}, DType::f64, 9, 3.0, 5.0);
  Net expected{true};
  initialize(expected, Rng{1}, DType::f64);
  population_statistics(expected, std::vector{whole});
  const auto numbers = arrays_of(expected);
  std::mutex mutex;
  std::vector<Arrays> by_rank(3);
  run_ranks(3, [&](const Communicator& ranks) {
    Net net{true};
    initialize(net, Rng{1}, DType::f64);
    const std::vector<std::int64_t> begins{0, 10, 35, 60};
    const auto rank = static_cast<std::size_t>(ranks.rank());
    population_statistics(net, std::vector{rows_of(whole, begins[rank], begins[rank + 1])}, ranks);
    const std::lock_guard lock{mutex};
    by_rank[rank] = arrays_of(net);
  });
  for (const auto& arrays : by_rank)
    for (const auto* path : {"norm1.running_mean", "norm1.running_variance"})
      expect_close(arrays.at(path), numbers.at(path), 1e-12, path);
}

BOOST_AUTO_TEST_SUITE_END()
