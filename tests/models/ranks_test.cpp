#include "keel/models/ranks.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../support/ranks_net.hpp"
#include "../support/ranks_support.hpp"
#include "../support/thread_ranks.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::Arrays;
using test::arrays_of;
using test::begins_of;
using test::expect_close;
using test::images_of;
using test::labels_of;
using test::random_tensor;
using test::RanksNet;
using test::rows_of;
using test::run_ranks;
using test::steps;
using test::values;

struct Trained {
  Arrays arrays;
  std::vector<double> losses;
  std::vector<double> norms;
};

using Part = std::function<Tensor(const Tensor& whole)>;

template <class Optimizer>
Trained trained(const Optimizer& settings, bool norm, DType dtype, std::int64_t count,
                const Communicator& ranks, const Part& part) {
  RanksNet net{norm};
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
    RanksNet net{false};
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
      RanksNet net{true};
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
      RanksNet net{ranks.rank() == 0};
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
    RanksNet net{true};
    initialize(net, Rng{static_cast<std::uint64_t>(ranks.rank())});
    copy_from_first(net, ranks);
    const std::lock_guard lock{mutex};
    copied[static_cast<std::size_t>(ranks.rank())] = arrays_of(net);
  });
  BOOST_TEST((copied[1] == copied[0]));
  BOOST_TEST((copied[2] == copied[0]));
}

BOOST_AUTO_TEST_SUITE_END()
